/* trilby/pubsub.h: a message product. The verbs and structs are in pubsub.def.
 *
 * Mandatory: publish, subscribe. A subscription is one call: opened once the product listens, emit
 * for each message, settle tells its fate (TRB_RETRY: deliver again if the product can), done or
 * fail when it ends, which cancel asks for. */
#ifndef TRILBY_PUBSUB_H
#define TRILBY_PUBSUB_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_PUBSUB_MESSAGE_TTL (1ull << 0)         /* MESSAGE_TTL */
#define TRB_PUBSUB_WILDCARDS (1ull << 1)           /* SUBSCRIBE_WILDCARDS */
#define TRB_PUBSUB_BULK_PUBLISH (1ull << 2)        /* BULK_PUBSUB: bulk_publish */

#define TRB_DEF <trilby/pubsub.def>
#include <trilby/verbs_structs.h>

struct trb_pubsub_ops {
    uint32_t size;
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif
