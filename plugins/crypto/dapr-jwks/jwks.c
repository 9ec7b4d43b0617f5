/* crypto.dapr.jwks: keys from a JSON Web Key Set, which comes from a URL, a file or the option itself.
 *
 * Public keys and symmetric ones work on the loop; private ones, which take milliseconds, on a thread of ours. */
#include "hand.h"
#include "source.h"
#include <base/slice.h>
#include <trilby/options.h>

struct store {
    const char *jwks;               /* options, filled in by the host */
    int64_t timeout_ns, refresh_ns;
    struct source source;           /* ours, from start to stop */
    struct hand *hand;
};

static const struct trb_option options[] = {
    TRB_STRING(struct store, jwks, "jwks", .required = 1, .sensitive = 1, .example = "https://example.com/.well-known/jwks.json",
               .doc = "The key set: its URL, its path, its JSON or the JSON's base64."),
    TRB_DURATION(struct store, timeout_ns, "requestTimeout", .fallback = "30s", .min = 1, .empty_is_absent = 1,
                 .doc = "Give up fetching the URL after this."),
    TRB_DURATION(struct store, refresh_ns, "minRefreshInterval", .fallback = "10m", .min = 1000000, .empty_is_absent = 1,
                 .doc = "Fetch the URL again after this, or later if its server allows to keep it longer."),
};

static struct crypto_key *find(void *self, struct trb_name name, struct trb_error *err)
{
    struct crypto_key *k = name.len ? keyset_find(source_set(self), slice_name(name)) : NULL;
    if (!k)
        crypto_no_such_key(err, "failed to load key '%s': the key set has no key of that name", name.at ? name.at : "");
    return k;
}

static void on_loop(struct store *s, hand_verb *verb, struct trb_call *call, const void *question)
{
    verb(&(struct crypto_local){&s->source, find}, call, question);
}

static void by_hand(struct store *s, hand_verb *verb, struct trb_call *call, const void *question, struct trb_name name)
{
    struct trb_error err = {.size = sizeof err};
    struct crypto_key *k = find(&s->source, name, &err);
    if (k && crypto_key_is_private(k) && hand_give(s->hand, verb, call, question, k))
        return;
    crypto_key_unref(k);
    on_loop(s, verb, call, question);
}

#define ON_LOOP(verb)                                                                              \
    static void verb(void *self, struct trb_call *call, const void *question)                      \
    {                                                                                              \
        on_loop(self, crypto_local_##verb, call, question);                                        \
    }
#define BY_HAND(verb, type)                                                                        \
    static void verb(void *self, struct trb_call *call, const void *question)                      \
    {                                                                                              \
        by_hand(self, crypto_local_##verb, call, question, ((const struct type *)question)->key_name); \
    }
ON_LOOP(get_key)
ON_LOOP(wrap_key)
ON_LOOP(encrypt)
ON_LOOP(verify)
BY_HAND(unwrap_key, trb_crypto_open)
BY_HAND(decrypt, trb_crypto_open)
BY_HAND(sign, trb_crypto_sign)
#undef ON_LOOP
#undef BY_HAND

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    s->hand = hand_create();
    s->source = (struct source){.host = call->host, .origin = call->origin, .jwks = s->jwks, .timeout_ns = s->timeout_ns,
                                .refresh_ns = s->refresh_ns};
    source_start(&s->source, call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    s->hand = hand_destroy(s->hand);
    source_stop(&s->source);
    trb_done(call);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    source_cancel(&((struct store *)self)->source, call, why);
}

static const struct trb_crypto_ops ops = {
    .size = sizeof ops, .encryption_algorithms = CRYPTO_ENCRYPTION_ALGORITHMS, .signature_algorithms = CRYPTO_SIGNATURE_ALGORITHMS,
    .get_key = get_key, .wrap_key = wrap_key, .unwrap_key = unwrap_key, .encrypt = encrypt, .decrypt = decrypt, .sign = sign,
    .verify = verify,
};
static const struct trb_component jwks = {
    .size = sizeof jwks, .block = "crypto", .type = "crypto.dapr.jwks", .version = "v1",
    .summary = "Keys from a JSON Web Key Set, by URL, from a file or inline.", .run = TRB_ON_ONE_LOOP, TRB_SELF(struct store, options),
    .ops = &ops, .start = start, .stop = stop, .cancel = cancel,
};
TRB_PLUGIN("dapr-jwks", "0.1.0", "Apache-2.0", &jwks);
