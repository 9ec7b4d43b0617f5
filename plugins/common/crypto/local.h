/* local: the verbs of a component that has its keys here: find the key, do it, answer. [any] that may take a while. */
#ifndef CRYPTO_LOCAL_H
#define CRYPTO_LOCAL_H

#include <crypto/operation.h>
#include <trilby/plugin.h>

struct crypto_local {
    void *self;
    /* A reference, given; NULL: err, of crypto_no_such_key or another. */
    struct crypto_key *(*find)(void *self, struct trb_name name, struct trb_error *err);
};

trb_code crypto_no_such_key(struct trb_error *err, const char *format, ...) TRB_PRINTF(2, 3);

void crypto_local_get_key(const struct crypto_local *, struct trb_call *, const void *question);
void crypto_local_wrap_key(const struct crypto_local *, struct trb_call *, const void *question);
void crypto_local_unwrap_key(const struct crypto_local *, struct trb_call *, const void *question);
void crypto_local_encrypt(const struct crypto_local *, struct trb_call *, const void *question);
void crypto_local_decrypt(const struct crypto_local *, struct trb_call *, const void *question);
void crypto_local_sign(const struct crypto_local *, struct trb_call *, const void *question);
void crypto_local_verify(const struct crypto_local *, struct trb_call *, const void *question);

#endif
