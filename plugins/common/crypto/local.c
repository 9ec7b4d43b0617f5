/* local: seven verbs, one shape. */
#include <base/slice.h>
#include <base/text.h>
#include <crypto/local.h>

trb_code crypto_no_such_key(struct trb_error *err, const char *format, ...)
{
    va_list ap;
    *err = (struct trb_error){.size = sizeof *err, .code = TRB_NOT_FOUND, .kind = TRB_CRYPTO_NO_SUCH_KEY, .item = -1,
                              .reason = "NO_SUCH_KEY"};
    va_start(ap, format);
    vsnprintf(err->message, sizeof err->message, format, ap);
    va_end(ap);
    return err->code;
}

static void put_before(struct trb_error *err, const char *front)
{
    char text[sizeof err->message];
    memcpy(text, err->message, sizeof text);
    size_t len = (size_t)snprintf(err->message, sizeof err->message, "%s", front);
    snprintf(err->message + len, sizeof err->message - len, "%.*s", (int)(sizeof text - len - 1), text);
}

/* NULL: the call was answered. */
static struct crypto_key *find(const struct crypto_local *l, struct trb_call *call, struct trb_name name, const char *front)
{
    struct trb_error err = {.size = sizeof err};
    struct crypto_key *k = l->find(l->self, name, &err);
    if (!k) {
        put_before(&err, front);
        call->host->fail(call, &err);
    }
    return k;
}

#define ENCRYPTION_KEY "failed to retrieve the encryption key: "
#define WRAPPING_KEY "failed to retrieve the key encryption key: "
#define SIGNING_KEY "failed to retrieve the signing key: "

void crypto_local_get_key(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    const struct trb_crypto_key *q = question;
    struct trb_error err = {.size = sizeof err};
    struct text text = {0};
    struct crypto_key *k = find(l, call, q->key_name, "");
    if (!k)
        return;
    if (crypto_key_public(k, q->format == TRB_CRYPTO_JWK, &text)) {
        struct trb_slice id = crypto_key_id(k);
        struct trb_crypto_public_key answer = {.size = sizeof answer, .text = text_slice(&text),
                                               .id = id.len ? (struct trb_name){id.at, id.len} : q->key_name};
        call->host->done(call, &answer, sizeof answer);
    } else {
        crypto_no_such_key(&err, "key not found: a symmetric key has no public part");
        call->host->fail(call, &err);
    }
    text_fini(&text);
    crypto_key_unref(k);
}

typedef bool sealer(const struct crypto_key *, const struct trb_crypto_seal *, struct crypto_sealing *, struct trb_error *);
typedef bool opener(const struct crypto_key *, const struct trb_crypto_open *, struct bytes *, struct trb_error *);

static void seal(const struct crypto_local *l, struct trb_call *call, const struct trb_crypto_seal *q, sealer *how, const char *front)
{
    struct trb_error err = {.size = sizeof err};
    struct crypto_sealing made;
    struct crypto_key *k = find(l, call, q->key_name, front);
    if (!k)
        return;
    if (how(k, q, &made, &err)) {
        struct trb_crypto_sealed answer = {.size = sizeof answer, .bytes = bytes_slice(&made.bytes), .tag = bytes_slice(&made.tag)};
        call->host->done(call, &answer, sizeof answer);
    } else {
        call->host->fail(call, &err);
    }
    crypto_sealing_wipe(&made);
    crypto_key_unref(k);
}

static void unseal(const struct crypto_local *l, struct trb_call *call, const struct trb_crypto_open *q, opener *how, const char *front)
{
    struct trb_error err = {.size = sizeof err};
    struct bytes made;
    struct crypto_key *k = find(l, call, q->key_name, front);
    if (!k)
        return;
    if (how(k, q, &made, &err)) {
        struct trb_crypto_opened answer = {.size = sizeof answer, .plain = bytes_slice(&made)};
        call->host->done(call, &answer, sizeof answer);
    } else {
        call->host->fail(call, &err);
    }
    bytes_wipe(&made);
    crypto_key_unref(k);
}

void crypto_local_wrap_key(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    seal(l, call, question, crypto_wrap, WRAPPING_KEY);
}

void crypto_local_unwrap_key(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    unseal(l, call, question, crypto_unwrap, WRAPPING_KEY);
}

void crypto_local_encrypt(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    seal(l, call, question, crypto_seal, ENCRYPTION_KEY);
}

void crypto_local_decrypt(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    unseal(l, call, question, crypto_open, ENCRYPTION_KEY);
}

void crypto_local_sign(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    const struct trb_crypto_sign *q = question;
    struct trb_error err = {.size = sizeof err};
    struct bytes made;
    struct crypto_key *k = find(l, call, q->key_name, SIGNING_KEY);
    if (!k)
        return;
    if (crypto_sign(k, q, &made, &err)) {
        struct trb_crypto_signature answer = {.size = sizeof answer, .bytes = bytes_slice(&made)};
        call->host->done(call, &answer, sizeof answer);
    } else {
        call->host->fail(call, &err);
    }
    bytes_wipe(&made);
    crypto_key_unref(k);
}

void crypto_local_verify(const struct crypto_local *l, struct trb_call *call, const void *question)
{
    const struct trb_crypto_verify *q = question;
    struct trb_error err = {.size = sizeof err};
    bool is_valid = false;
    struct crypto_key *k = find(l, call, q->key_name, SIGNING_KEY);
    if (!k)
        return;
    if (crypto_verify(k, q, &is_valid, &err)) {
        struct trb_crypto_verdict answer = {.size = sizeof answer, .is_valid = is_valid};
        call->host->done(call, &answer, sizeof answer);
    } else {
        call->host->fail(call, &err);
    }
    crypto_key_unref(k);
}
