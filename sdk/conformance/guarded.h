/* guarded: questions laid where a wrong touch ends the process. Each lies against a page that cannot be
 * read, has no kind byte behind its slices, and is closed whole once its answer has come. [any] */
#ifndef CONFORMANCE_GUARDED_H
#define CONFORMANCE_GUARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

/* What a host of another age lays: newer ones have longer structs and wider strides. */
struct guarded_shape {
    size_t longer;                             /* bytes behind each struct, and in each stride */
    bool without_owner;                        /* bodies have nobody to keep them: copy */
};

/* A deep copy by layout. Stays until guarded_free_all; NULL only without memory. */
void *guarded_question(const struct trb_layout *, const void *question, const struct guarded_shape *);
/* A flat struct of size bytes at the end of a readable page, texts left where they are. */
void *guarded_flat(const void *from, size_t size, size_t longer);
void guarded_seal(void *question);             /* from now on every touch is a fault */
const char *guarded_owner_of(const void *address);  /* for the crash report; NULL: not ours */
void guarded_free_all(void);

#endif
