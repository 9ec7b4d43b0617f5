/* hand: a thread of the instance's own for what takes milliseconds: private keys. Begun when first needed. [loop] */
#ifndef HAND_H
#define HAND_H

#include <crypto/local.h>

typedef void hand_verb(const struct crypto_local *, struct trb_call *, const void *question);

struct hand;
struct hand *hand_create(void);
struct hand *hand_destroy(struct hand *);       /* after what was given is done; returns NULL; NULL is welcome */
/* Does it with this key, which is given. false: there is no thread to be had; nothing was taken. */
bool hand_give(struct hand *, hand_verb *, struct trb_call *, const void *question, struct crypto_key *);

#endif
