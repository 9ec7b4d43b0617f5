/* crypto.so: the cryptography building block. Its meaning is in steps/; this file is its table of contents. */
#include "crypto_block.h"

#define TRB_DEF <trilby/crypto.def>
#define TRB_OPS struct trb_crypto_ops
#include <trilby/verbs_layout.h>

#define SUBTLE(path, name)                                                                         \
    {"POST", "v1.0-alpha1/subtlecrypto/{name}/" path, "Subtle" name "Alpha1", "subtlecrypto", 0, TRB_GO(subtle_refuse)}

static const struct trb_route routes[] = {
    {"PUT", "v1.0-alpha1/crypto/{name}/encrypt", "EncryptAlpha1", "crypto", TRB_ROUTE_STREAM, TRB_GO(encrypt_parse)},
    {"PUT", "v1.0-alpha1/crypto/{name}/decrypt", "DecryptAlpha1", "crypto", TRB_ROUTE_STREAM, TRB_GO(decrypt_parse)},
    SUBTLE("getkey", "GetKey"), SUBTLE("encrypt", "Encrypt"), SUBTLE("decrypt", "Decrypt"), SUBTLE("wrapkey", "WrapKey"),
    SUBTLE("unwrapkey", "UnwrapKey"), SUBTLE("sign", "Sign"), SUBTLE("verify", "Verify"),
};

#define DAPR "dapr.proto.runtime.v1.Dapr"
#define SUBTLE_METHOD(name) {DAPR, "Subtle" name "Alpha1", 0, 0, "subtlecrypto.v1alpha1", TRB_GO(subtle_refuse)}

static const struct trb_method methods[] = {
    {DAPR, "EncryptAlpha1", 1, 1, "crypto.v1alpha1", TRB_GO(encrypt_read)},
    {DAPR, "DecryptAlpha1", 1, 1, "crypto.v1alpha1", TRB_GO(decrypt_read)},
    SUBTLE_METHOD("GetKey"), SUBTLE_METHOD("Encrypt"), SUBTLE_METHOD("Decrypt"), SUBTLE_METHOD("WrapKey"),
    SUBTLE_METHOD("UnwrapKey"), SUBTLE_METHOD("Sign"), SUBTLE_METHOD("Verify"),
};

struct block {
    const struct trb_kernel *kernel;
};

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    ((struct block *)self)->kernel = kernel;
    return TRB_OK;
}

static void stop(void *self)
{
}

struct trb_instance *provider_find(struct trb_request *rq, struct trb_name component, struct trb_next *ret_refusal)
{
    const struct trb_kernel *k = rq->kernel;
    struct trb_instance *i = k->find(rq, "crypto", slice_name(component));
    if (!k->count(k, "crypto"))
        *ret_refusal = trb_refuse(rq, &NOT_CONFIGURED, "crypto providers not configured");
    else if (!component.len)
        *ret_refusal = trb_refuse(rq, &BAD_REQUEST, "invalid request: missing component name");
    else if (!i)
        *ret_refusal = trb_refuse(rq, &NOT_FOUND, "crypto provider %s not found", component.at);
    else
        return i;
    return NULL;
}

static const struct trb_block crypto = {
    .size = sizeof crypto, .abi = TRB_BLOCK_ABI, .name = "crypto", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .mandatory = "get_key wrap_key unwrap_key", .start = start, .stop = stop,
};
TRB_BLOCK_PLUGIN("crypto", "0.1.0", "Apache-2.0", &crypto);
