/* keyset: the keys of a JSON Web Key Set, found by their kid. */
#ifndef KEYSET_H
#define KEYSET_H

#include <crypto/key.h>

#define KEYSET_MOST 1000u           /* keys */

struct keyset {
    struct crypto_key **keys;       /* a reference to each */
    uint32_t count, skipped;        /* skipped: without a kid, or of a kind that is not ours */
    char why_skipped[200];          /* the last of them */
};

/* A set, or a single JWK. false: err; ret stays as it was. The caller wipes the text. */
bool keyset_parse(struct trb_slice text, struct keyset *ret, struct trb_error *err);
void keyset_fini(struct keyset *);
struct crypto_key *keyset_find(const struct keyset *, struct trb_slice id);    /* a reference, given; NULL: none */

#endif
