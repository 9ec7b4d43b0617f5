/* secrets_block: what the steps share: finding a store, and the scopes of the configuration. */
#ifndef SECRETS_BLOCK_H
#define SECRETS_BLOCK_H

#include <base/slice.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>
#include <stdbool.h>
#include <trilby/block.h>
#include <trilby/secretstores.h>
#include <words/words.h>

#define ROW(name, code_, http, grpc_)                                                              \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .category = "secret",               \
        .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

trb_step secret_get_parse, secret_bulk_parse;
trb_step secret_get_read, secret_bulk_read;

struct trb_instance *store_find(struct trb_request *, struct trb_name, struct trb_next *ret_refusal);
/* Does the configuration's scope of this store let the app read that secret? */
bool scope_allows(const struct trb_request *, struct trb_slice store, struct trb_slice secret);

/* One allow list, one deny list and a default per store, from spec.secrets.scopes. */
struct scopes;
struct scopes *scopes_create(struct trb_slice configuration_json);
struct scopes *scopes_destroy(struct scopes *);
bool scopes_allow(const struct scopes *, struct trb_slice store, struct trb_slice secret);

struct block {
    const struct trb_kernel *kernel;
    struct scopes *scopes;
};

/* {"name":"value",…} with encoder E's escapes. */
struct text;
/* Answers with the text as JSON, and empties it. */
struct trb_next reply_text(struct trb_request *, struct text *);

#endif
