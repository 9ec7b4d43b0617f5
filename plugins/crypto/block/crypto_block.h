/* crypto_block: what encrypting and decrypting share: errors, the check of the component, the steps' names. */
#ifndef CRYPTO_BLOCK_H
#define CRYPTO_BLOCK_H

#include <base/slice.h>
#include <rpc/rpc.h>
#include <stdbool.h>
#include <trilby/block.h>
#include <trilby/crypto.h>
#include <words/words.h>

#define ROW(name, code_, http, grpc_)                                                              \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .category = "crypto",               \
        .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

trb_step encrypt_parse, encrypt_read;
trb_step decrypt_parse, decrypt_read;
trb_step subtle_refuse;

/* Any component, then this one. NULL: *ret_refusal. */
struct trb_instance *provider_find(struct trb_request *, struct trb_name component, struct trb_next *ret_refusal);

#endif
