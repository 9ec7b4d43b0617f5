/* trilby/secretstores.h: a store of secrets. The verbs and structs are in secretstores.def.
 * Values are wiped by the host after use and never logged. */
#ifndef TRILBY_SECRETSTORES_H
#define TRILBY_SECRETSTORES_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_SECRET_MULTIPLE (1ull << 0) /* MULTIPLE_KEY_VALUES_PER_SECRET */

#define TRB_DEF <trilby/secretstores.def>
#include <trilby/verbs_structs.h>

struct trb_secretstores_ops {
    uint32_t size;
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

/* Answers get with one value under the name that was asked for; the buffer is the host's now. */
static inline void trb_secret_done(struct trb_call *call, struct trb_name name, struct trb_buf *value)
{
    struct trb_slice bytes = call->host->buf_bytes(value);
    struct trb_pair pair = {.key = name, .value = {bytes.at, bytes.len}};
    struct trb_secret answer = {.size = sizeof answer,
                                .values = {.at = &pair, .count = 1, .stride = sizeof pair}};
    call->host->done(call, &answer, sizeof answer);
    call->host->buf_unref(value);
}

#ifdef __cplusplus
}
#endif
#endif
