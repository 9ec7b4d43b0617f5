/* sealed: the file format dapr.io/enc/v1 (grpc-api.md 8): a header of three lines, then segments of 64 KiB, each
 * authenticated by itself, its number and whether it is the last.
 *
 * Pure and incremental: what goes in piece by piece comes out segment by segment, in the memory of one segment. The
 * file key comes from outside: made by the caller and wrapped by whoever holds the wrapping key. [any] */
#ifndef SEALED_SEALED_H
#define SEALED_SEALED_H

#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define SEALED_KEY 32u              /* bytes of a file key */
#define SEALED_PLAIN_MOST 65536u    /* of a segment */
#define SEALED_TAG 16u
#define SEALED_MOST (SEALED_PLAIN_MOST + SEALED_TAG)
#define SEALED_HEADER_MOST 65536u
#define SEALED_WRAPPED_MOST 8192u   /* bytes of a wrapped key */

/* Numbers of the format; the names that clients say, in any letter case. 0: there is none of that name. */
uint32_t sealed_wrap_number(struct trb_slice name);         /* A256KW (AES) … RSA-OAEP-256 (RSA) */
const char *sealed_wrap_name(uint32_t number);              /* as the component knows it; NULL: none */
uint32_t sealed_cipher_number(struct trb_slice name);       /* AES-GCM, CHACHA20-POLY1305 */

/* ------------------------------------------------------------------------------------- sealing */
struct sealed_manifest {
    struct trb_slice key_name;      /* absent or empty: left out */
    uint32_t wrap, cipher;
    struct trb_slice wrapped_key;
};

struct sealer;
/* Draws its own nonce prefix, or takes the 7 bytes that a test gives. NULL: the header would be too long. */
struct sealer *sealer_create(const struct sealed_manifest *, const uint8_t file_key[SEALED_KEY], const uint8_t *prefix);
struct sealer *sealer_destroy(struct sealer *);             /* wipes; returns NULL; NULL is welcome */
struct trb_slice sealer_header(const struct sealer *);
/* Takes what it can of rest. true: a segment is ready, and readable until the next call. */
bool sealer_take(struct sealer *, struct trb_slice *rest, struct trb_slice *ret_segment);
/* There is no more. false: there was nothing, so there is no segment. */
bool sealer_end(struct sealer *, struct trb_slice *ret_segment);
const char *sealer_fault(const struct sealer *);            /* NULL, or why it can go on no longer */

/* ------------------------------------------------------------------------------------- opening */
/* header ──► opener_unlock ──► segments; whoever reads nothing of the header cannot be told what is in it. */
struct opener;
struct opener *opener_create(void);
struct opener *opener_destroy(struct opener *);
/* Takes of rest what belongs to the header. true: it is whole; false without a fault: more, please. */
bool opener_header(struct opener *, struct trb_slice *rest);
void opener_header_end(struct opener *);                    /* there is no more: says what is missing */
const struct sealed_manifest *opener_manifest(const struct opener *);
/* NULL: it could not be unwrapped; that too is found out by the header's authentication, and not before. */
bool opener_unlock(struct opener *, const uint8_t *file_key);
bool opener_take(struct opener *, struct trb_slice *rest, struct trb_slice *ret_plain);
bool opener_end(struct opener *, struct trb_slice *ret_plain);
/* NULL, or a sentence: "invalid header: …", "failed to validate the document's signature", "error processing segment …" */
const char *opener_fault(const struct opener *);

#endif
