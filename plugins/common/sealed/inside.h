/* inside: what both directions share. Not for others. */
#ifndef SEALED_INSIDE_H
#define SEALED_INSIDE_H

#include <openssl/evp.h>
#include <sealed/sealed.h>

#define SCHEME "dapr.io/enc/v1"
#define PREFIX 7u
#define MAC 32u
#define CIPHER_AES_GCM 1u
#define CIPHER_CHACHA20 2u

/* The cipher of all segments, with their counter. */
struct segments {
    EVP_CIPHER_CTX *cipher;
    uint8_t prefix[PREFIX];
    uint64_t next;                  /* number of the next one; at 2^32 all are used up */
};

/* header: authenticates the first two lines. */
bool header_mac(const uint8_t file_key[SEALED_KEY], struct trb_slice lines, uint8_t ret[MAC]);
bool segments_init(struct segments *, uint32_t cipher, const uint8_t file_key[SEALED_KEY], const uint8_t prefix[PREFIX], bool seals);
void segments_fini(struct segments *);
/* ret has room for len and a tag. */
bool segment_seal(struct segments *, const uint8_t *plain, size_t len, bool is_last, uint8_t *ret);
/* len with the tag; ret has room for len less the tag. false: it is not this file's segment of that place. */
bool segment_open(struct segments *, const uint8_t *sealed, size_t len, bool is_last, uint8_t *ret);

#endif
