/* trilby/state.h: a state store. Values are bytes; keys arrive complete; durable before done.
 *
 * The verbs and structs are in state.def. Mandatory: get, set, remove. Errors say their kind below. */
#ifndef TRILBY_STATE_H
#define TRILBY_STATE_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Promises (caps). The names are what clients see in the metadata. */
#define TRB_STATE_ETAG (1ull << 0)               /* ETAG */
#define TRB_STATE_TRANSACTIONAL (1ull << 1)      /* TRANSACTIONAL: transact */
#define TRB_STATE_QUERY (1ull << 2)              /* QUERY_API: query */
#define TRB_STATE_TTL (1ull << 3)                /* TTL */
#define TRB_STATE_DELETE_WITH_PREFIX (1ull << 4) /* DELETE_WITH_PREFIX: remove_prefix */
#define TRB_STATE_KEYS_LIKE (1ull << 5)          /* KEYS_LIKE: keys_like */
#define TRB_STATE_QUERY_ANYWAY (1ull << 6)       /* no promise, and not shown: query is asked whatever is promised */

#define TRB_STATE_EVENTUAL 1u    /* consistency: an older value may be read */
#define TRB_STATE_STRONG 2u      /* consistency: what was written last is read */
#define TRB_STATE_FIRST_WRITE 1u /* concurrency: without an etag only if there is none yet */
#define TRB_STATE_LAST_WRITE 2u  /* concurrency: whoever comes last */
#define TRB_STATE_UPSERT 1u      /* kind of an operation: write */
#define TRB_STATE_REMOVE 2u      /* kind of an operation: remove */

/* trb_error.kind. The message is the store's own detail; the block adds the client's sentence. */
#define TRB_STATE_ETAG_MISMATCH 1u /* code TRB_ABORTED */
#define TRB_STATE_ETAG_INVALID 2u  /* code TRB_INVALID */
#define TRB_STATE_BAD_QUERY 3u
#define TRB_STATE_TOO_MANY 4u     /* operations in a transaction; item is the most that it may have */

#define TRB_DEF <trilby/state.def>
#include <trilby/verbs_structs.h>

struct trb_state_ops {
    uint32_t size;
    uint32_t transact_max; /* most operations in one transaction; 0: no limit */
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif
