/* shim_private: the tokens that a component holds. Shared by shim.c and shim_host.c only. */
#ifndef CONFORMANCE_SHIM_PRIVATE_H
#define CONFORMANCE_SHIM_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <trilby/plugin.h>

#define TOKEN_MAGIC 0x544f4b45u

struct token {
    struct trb_call public_;                   /* first: what the component holds */
    uint32_t magic;
    struct trb_call *inner;                    /* the kernel's */
    const char *verb;
    const void *question;                      /* guarded, or the kernel's */
    _Atomic uint32_t answers, opens, cancels, starved, resumes;
    struct token *next;
};

const struct trb_host *shim_host(void);
struct token *token_of(const struct trb_call *, const char *what);     /* NULL: none, and noted */
bool shim_is_stopped(const struct trb_origin *);
void shim_silence(const struct trb_origin *);  /* stop has been answered */

#endif
