/* trilby/crypto.h: keys that stay where they are, and what is done with them. The verbs and structs are
 * in crypto.def.
 *
 * Mandatory: get_key, wrap_key, unwrap_key. Algorithms are named as in RFC 7518 and the contract, in capitals.
 * Plain texts and keys are wiped by the host after use and never logged. */
#ifndef TRILBY_CRYPTO_H
#define TRILBY_CRYPTO_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* trb_error.kind. */
#define TRB_CRYPTO_NO_SUCH_KEY 1u   /* code TRB_NOT_FOUND */
#define TRB_CRYPTO_BAD_ALGORITHM 2u /* code TRB_INVALID: not one of ours, or not for this key */

#define TRB_CRYPTO_PEM 0u /* PKIX, "PUBLIC KEY" */
#define TRB_CRYPTO_JWK 1u /* RFC 7517, as JSON */

#define TRB_DEF <trilby/crypto.def>
#include <trilby/verbs_structs.h>

struct trb_crypto_ops {
    uint32_t size;
    const char *encryption_algorithms; /* of encrypt and wrap_key: "A256GCM RSA-OAEP-256 …" */
    const char *signature_algorithms;  /* "": none */
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif
