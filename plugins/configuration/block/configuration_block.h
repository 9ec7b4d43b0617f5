/* configuration_block: what the steps share: the question of either door, items in either form, refusals. */
#ifndef CONFIGURATION_BLOCK_H
#define CONFIGURATION_BLOCK_H

#include <base/arena.h>
#include <base/json.h>
#include <base/list.h>
#include <base/slice.h>
#include <base/text.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>
#include <stdbool.h>
#include <trilby/block.h>
#include <trilby/configuration.h>
#include <words/words.h>

#define ROW(name, code_, http, grpc_)                                                              \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .category = "configuration",        \
        .http_status = (http), .grpc = (grpc_), .grpc_reason = (code_)};
#include "errors.def"
#undef ROW

trb_step get_parse, get_read;
trb_step subscribe_parse, subscribe_read;
trb_step unsubscribe_parse, unsubscribe_read;
trb_step tell_app, tell_client; /* first steps of an event */

struct block {
    const struct trb_kernel *kernel;
    struct list watches; /* every one that is not over; under the block's lock */
    bool is_leaving;
    void (*drained)(void *token);
    void *drained_token;
};

/* NULL: *ret_refusal. */
struct trb_instance *store_find(struct trb_request *, struct trb_name, struct trb_next *ret_refusal);
/* From the query of HTTP; from the members of a message (keys: count names). In the request's memory. */
struct trb_configuration_get *question_parse(struct trb_request *);
struct trb_configuration_get *question_make(struct trb_request *, const struct trb_name *keys, uint32_t count,
                                            struct trb_pairs metadata);
struct trb_configuration_get *question_copy(struct arena *, const struct trb_configuration_get *);
void question_write(struct text *, const struct trb_configuration_get *);      /* ,"keys":[…],"metadata":{…} */
struct trb_configuration_get *question_from(struct arena *, struct json_value); /* of an object with these members */
/* "failed to WHAT [a b] from Configuration store S: why" */
struct trb_next question_failed(struct trb_request *, const struct trb_error_row *, const char *what,
                                const struct trb_configuration_get *, struct trb_name store, struct trb_slice why);

/* {"a":{"value":"1","version":"2"},…} by name; an item that was removed has no members. */
void items_write(struct text *, const struct trb_configuration_item *const *items, uint32_t count);
struct common_configuration_item item_message(const struct trb_configuration_item *);

#endif
