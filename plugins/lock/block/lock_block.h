/* lock_block: what both steps share: the wish of either door, its checks, the key that the store sees. */
#ifndef LOCK_BLOCK_H
#define LOCK_BLOCK_H

#include <base/slice.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>
#include <stdbool.h>
#include <trilby/block.h>
#include <trilby/lock.h>
#include <words/words.h>

#define ROW(name, code_, http, grpc_)                                                              \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .category = "lock",                 \
        .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

trb_step lock_try_parse, lock_try_read;
trb_step lock_release_parse, lock_release_read;

struct store { /* instance_data of a lock store */
    struct trb_name prefix;
};

/* What a client wants, from either door. */
struct wish {
    struct trb_name store, resource, owner;
    int64_t expiry_s;
    struct trb_instance *instance;
};

/* The body in proto's JSON form. false: *ret_refusal. */
bool wish_parse(struct trb_request *, struct wish *, struct trb_next *ret_refusal);
/* In the order that clients see: expiry (of a lock), any store, resource, owner, this store. */
bool wish_check(struct trb_request *, struct wish *, bool has_expiry, struct trb_next *ret_refusal);
/* The full key; NULL at: a refusal behind front, with the row's code. */
bool wish_key(struct trb_request *, const struct wish *, const struct trb_error_row *, const char *front,
              struct trb_name *ret_key, struct trb_next *ret_refusal);

/* "front: text", of what the store said. */
struct trb_next lock_failed(struct trb_request *, const struct trb_error_row *, const char *front);
struct trb_next lock_reply_json(struct trb_request *, struct trb_name json);

#endif
