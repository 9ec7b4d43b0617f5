/* crypto: keys that stay where they are: only public parts leave, what is sealed is opened by the right key
 * alone, what is signed is told from what is not. The keys are those of --key ALGORITHM=NAME. */
#include "../judge.h"
#include <base/error.h>
#include <trilby/crypto.h>

#define MOST 512
#define PLAIN "sixteen byte txt"                /* a whole block, and 64 bits twice: every algorithm takes it */

struct bytes {                                  /* an answer's, kept */
    char at[MOST];
    size_t len;
};

static const struct trb_crypto_ops *ops_of(struct test *t)
{
    return t->subject->component->ops;
}

static bool list_has(const char *list, const char *word)
{
    struct trb_slice rest = slice_of(list);
    while (rest.at)
        if (slice_is(slice_split(&rest, ' '), slice_of(word)))
            return true;
    return false;
}

static void keep(struct test *t, struct bytes *b, struct trb_slice from)
{
    EXPECT(t, from.len <= MOST, "an answer has %zu bytes", from.len);
    b->len = from.len <= MOST ? from.len : 0;
    if (b->len)
        memcpy(b->at, from.at, b->len);
}

static struct trb_slice slice_bytes(const struct bytes *b)
{
    return slice_from(b->at, b->len);
}

/* What an algorithm wants as its nonce. */
static struct trb_slice nonce_for(const char *algorithm)
{
    static const char bytes[] = "123456789012345678901234";
    bool is_c20 = !strncmp(algorithm, "C20P", 4), is_xc20 = !strncmp(algorithm, "XC20P", 5);
    size_t len = is_xc20 ? 24 : is_c20 || strstr(algorithm, "GCM") ? 12 : strstr(algorithm, "CBC") ? 16 : 0;
    return slice_from(len ? bytes : NULL, len);
}

static bool is_authentic(const char *algorithm) /* an altered text, tag or associated text cannot be opened */
{
    return strstr(algorithm, "GCM") || strstr(algorithm, "-HS") || strstr(algorithm, "20P");
}

/* ------------------------------------------------------------------------------------- questions */
struct sealed {
    struct bytes bytes, tag;
    bool is_done;
};

static struct sealed seal(struct test *t, const char *verb, const char *key, const char *algorithm, const char *said)
{
    struct trb_crypto_seal q = {.size = sizeof q, .key_name = name_of(key), .algorithm = name_of(algorithm),
                                .plain = SLICE(PLAIN), .nonce = nonce_for(algorithm), .associated = slice_of(said)};
    struct asked *a = ask(t, verb, &q);
    const struct trb_crypto_sealed *answer = a ? ask_answer(a) : NULL;
    struct sealed s = {.is_done = answer != NULL};
    EXPECT(t, answer, "%s with %s fails: %s", verb, algorithm, a ? ask_why(a) : "no answer");
    if (answer) {
        keep(t, &s.bytes, answer->bytes);
        keep(t, &s.tag, answer->tag);
        EXPECT(t, !memmem(s.bytes.at, s.bytes.len, PLAIN, sizeof PLAIN - 1), "%s with %s leaves the text as it is", verb, algorithm);
    }
    ask_end(a);
    return s;
}

/* Does it open, and to the same? */
static bool opens(struct test *t, const char *verb, const char *key, const char *algorithm, const struct sealed *s,
                  const char *said)
{
    struct trb_crypto_open q = {.size = sizeof q, .key_name = name_of(key), .algorithm = name_of(algorithm),
                                .sealed = slice_bytes(&s->bytes), .nonce = nonce_for(algorithm),
                                .tag = slice_bytes(&s->tag), .associated = slice_of(said)};
    struct asked *a = ask(t, verb, &q);
    const struct trb_crypto_opened *answer = a ? ask_answer(a) : NULL;
    bool is_same = answer && slice_is(answer->plain, SLICE(PLAIN));
    EXPECT(t, a, "%s with %s was not answered", verb, algorithm);
    ask_end(a);
    return is_same;
}

/* ----------------------------------------------------------------------------------------- lists */
static void lists(struct test *t)
{
    const struct trb_crypto_ops *ops = ops_of(t);
    bool signs = TRB_HAS(ops, sign);
    EXPECT(t, ops->encryption_algorithms && *ops->encryption_algorithms, "it names no encryption algorithm");
    EXPECT(t, ops->signature_algorithms, "it has no list of signature algorithms; none is \"\"");
    EXPECT(t, !signs || (ops->signature_algorithms && *ops->signature_algorithms), "it signs, by no algorithm");
    for (uint32_t i = 0; i < t->subject->key_count; i++) {
        const char *algorithm = t->subject->keys[i].name;
        EXPECT(t, list_has(ops->encryption_algorithms, algorithm) || list_has(ops->signature_algorithms, algorithm),
               "%s is in neither of its lists", algorithm);
    }
}

/* ------------------------------------------------------------------------------------------ keys */
/* Only public parts leave. A JWK's private members are d, p, q, dp, dq, qi and k. */
static void expect_public(struct test *t, const char *key, const struct trb_crypto_public_key *k, uint32_t format)
{
    static const struct trb_slice private_members[] = {
        {"\"d\"", 3}, {"\"p\"", 3}, {"\"q\"", 3}, {"\"dp\"", 4}, {"\"dq\"", 4}, {"\"qi\"", 4}, {"\"k\"", 3}, {"PRIVATE", 7}};
    EXPECT(t, slice_contains(k->text, format == TRB_CRYPTO_PEM ? SLICE("-----BEGIN PUBLIC KEY-----") : SLICE("\"kty\"")),
           "the public part of %s is not in the format that was asked for", key);
    for (size_t i = 0; i < sizeof private_members / sizeof private_members[0]; i++)
        EXPECT(t, !slice_contains(k->text, private_members[i]), "%s leaks %s", key, private_members[i].at);
}

static void public_part(struct test *t, const char *key, bool is_symmetric, uint32_t format)
{
    struct trb_crypto_key q = {.size = sizeof q, .key_name = name_of(key), .format = format};
    struct asked *a = ask(t, "get_key", &q);
    REQUIRE(t, a, "get_key was not answered");
    if (is_symmetric)
        EXPECT(t, ask_failure(a) && ask_failure(a)->kind == TRB_CRYPTO_NO_SUCH_KEY, "a symmetric key leaves");
    else if (ask_answer(a))
        expect_public(t, key, ask_answer(a), format);
    else
        EXPECT(t, false, "get_key of %s fails: %s", key, ask_why(a));
    ask_end(a);
}

static bool is_asymmetric(const char *algorithm)
{
    return strchr("REP", algorithm[0]) != NULL;        /* RSA…, RS…, PS…, ES…, EdDSA */
}

static void public_parts(struct test *t)
{
    for (uint32_t i = 0; i < t->subject->key_count; i++)
        for (uint32_t format = TRB_CRYPTO_PEM; format <= TRB_CRYPTO_JWK; format++)
            public_part(t, t->subject->keys[i].value, !is_asymmetric(t->subject->keys[i].name), format);
}

static void unknown(struct test *t)
{
    static const char *const names[] = {"conform-no-such-key", "", "../conform", "/etc/passwd", "a\nb", "%s%n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trb_crypto_key q = {.size = sizeof q, .key_name = name_of(names[i])};
        struct asked *a = ask(t, "get_key", &q);
        REQUIRE(t, a, "get_key was not answered");
        const struct trb_error *err = ask_failure(a);
        EXPECT(t, err, "the unknown key '%s' has a public part", names[i]);
        EXPECT(t, !err || (err->kind == TRB_CRYPTO_NO_SUCH_KEY && err->code == TRB_NOT_FOUND),
               "the unknown key '%s' fails without TRB_CRYPTO_NO_SUCH_KEY and TRB_NOT_FOUND", names[i]);
        ask_end(a);
    }
}

/* --------------------------------------------------------------------------------------- sealing */
static void alter(struct bytes *b)
{
    b->at[b->len / 2] ^= 1;
}

/* Another key for which the same algorithm is configured; NULL: there is none. */
static const char *another_key(struct test *t, uint32_t but)
{
    for (uint32_t i = 0; i < t->subject->key_count; i++)
        if (i != but && !strcmp(t->subject->keys[i].name, t->subject->keys[but].name))
            return t->subject->keys[i].value;
    return NULL;
}

static void round_trip(struct test *t, uint32_t i, const char *verb, const char *reverse)
{
    const char *algorithm = t->subject->keys[i].name, *key = t->subject->keys[i].value;
    bool is_authentic_one = is_authentic(algorithm);
    const char *said = is_authentic_one ? "said beside" : NULL, *other = another_key(t, i);
    struct sealed s = seal(t, verb, key, algorithm, said), altered = s;
    if (!s.is_done)
        return;
    EXPECT(t, opens(t, reverse, key, algorithm, &s, said), "%s does not open what %s sealed with %s", reverse, verb, algorithm);
    EXPECT(t, !opens(t, reverse, key, "A999XXX", &s, said), "an algorithm that there is not opens");
    EXPECT(t, !other || !opens(t, reverse, other, algorithm, &s, said), "another key opens %s", algorithm);
    alter(&altered.bytes);
    EXPECT(t, !opens(t, reverse, key, algorithm, &altered, said), "an altered text of %s is opened to the same", algorithm);
    if (!is_authentic_one)
        return;
    EXPECT(t, s.tag.len == (strstr(algorithm, "HS384") ? 24 : strstr(algorithm, "HS512") ? 32 : 16), "the tag of %s has %zu bytes",
           algorithm, s.tag.len);
    EXPECT(t, !opens(t, reverse, key, algorithm, &s, "something else"), "%s does not protect what is said beside", algorithm);
    altered = s;
    alter(&altered.tag);
    EXPECT(t, !opens(t, reverse, key, algorithm, &altered, said), "an altered tag of %s is taken", algorithm);
}

static void each_round_trip(struct test *t, const char *verb, const char *reverse)
{
    uint32_t tried = 0;
    for (uint32_t i = 0; i < t->subject->key_count; i++)
        if (list_has(ops_of(t)->encryption_algorithms, t->subject->keys[i].name))
            round_trip(t, i, verb, reverse), tried++;
    if (!tried)
        test_skip(t, "no --key ALGORITHM=NAME of an encryption algorithm");
}

static void encrypts(struct test *t)
{
    each_round_trip(t, "encrypt", "decrypt");
}

static void wraps(struct test *t)
{
    each_round_trip(t, "wrap_key", "unwrap_key");
}

static void bad_algorithms(struct test *t)
{
    static const char *const names[] = {"", "A999XXX", "A256KW ", "%s"};
    for (size_t i = 0; t->subject->key_count && i < sizeof names / sizeof names[0]; i++) {
        struct trb_crypto_seal q = {.size = sizeof q, .key_name = name_of(t->subject->keys[0].value),
                                    .algorithm = name_of(names[i]), .plain = SLICE(PLAIN)};
        struct asked *a = ask(t, "wrap_key", &q);
        REQUIRE(t, a, "wrap_key was not answered");
        const struct trb_error *err = ask_failure(a);
        EXPECT(t, err && err->kind == TRB_CRYPTO_BAD_ALGORITHM && err->code == TRB_INVALID,
               "the algorithm '%s' does not fail with TRB_CRYPTO_BAD_ALGORITHM and TRB_INVALID", names[i]);
        ask_end(a);
    }
}

/* --------------------------------------------------------------------------------------- signing */
static struct trb_slice digest_for(const char *algorithm)
{
    static const char bytes[] = "0123456789012345678901234567890123456789012345678901234567890123";
    return slice_from(bytes, strstr(algorithm, "384") ? 48 : strstr(algorithm, "256") ? 32 : 64);
}

static uint32_t verdict(struct test *t, uint32_t i, struct trb_slice digest, const struct bytes *signature)
{
    struct trb_crypto_verify q = {.size = sizeof q, .key_name = name_of(t->subject->keys[i].value),
                                  .algorithm = name_of(t->subject->keys[i].name), .digest = digest,
                                  .signature = slice_bytes(signature)};
    struct asked *a = ask(t, "verify", &q);
    const struct trb_crypto_verdict *answer = a ? ask_answer(a) : NULL;
    EXPECT(t, answer, "verify with %s fails: %s", t->subject->keys[i].name, a ? ask_why(a) : "no answer");
    uint32_t is_valid = answer ? answer->is_valid : 2;
    ask_end(a);
    return is_valid;
}

static void sign_one(struct test *t, uint32_t i)
{
    const char *algorithm = t->subject->keys[i].name;
    struct trb_slice digest = digest_for(algorithm);
    struct trb_crypto_sign q = {.size = sizeof q, .key_name = name_of(t->subject->keys[i].value),
                                .algorithm = name_of(algorithm), .digest = digest};
    struct bytes signature = {.len = 0}, other = {.len = 0};
    struct asked *a = ask(t, "sign", &q);
    const struct trb_crypto_signature *answer = a ? ask_answer(a) : NULL;
    EXPECT(t, answer, "sign with %s fails: %s", algorithm, a ? ask_why(a) : "no answer");
    if (answer)
        keep(t, &signature, answer->bytes);
    ask_end(a);
    if (!signature.len)
        return;
    keep(t, &other, digest);
    alter(&other);
    EXPECT(t, verdict(t, i, digest, &signature) == 1, "a signature by %s is not valid", algorithm);
    EXPECT(t, verdict(t, i, slice_bytes(&other), &signature) == 0, "an altered digest is valid with %s", algorithm);
    alter(&signature);
    EXPECT(t, verdict(t, i, digest, &signature) == 0, "an altered signature is valid with %s", algorithm);
    signature.len /= 2;
    EXPECT(t, verdict(t, i, digest, &signature) == 0, "half a signature is valid with %s", algorithm);
}

static void signs(struct test *t)
{
    uint32_t tried = 0;
    for (uint32_t i = 0; i < t->subject->key_count; i++)
        if (list_has(ops_of(t)->signature_algorithms, t->subject->keys[i].name))
            sign_one(t, i), tried++;
    if (!tried)
        test_skip(t, "no --key ALGORITHM=NAME of a signature algorithm");
}

const struct test_case suite_crypto[] = {
    {"crypto", "names its algorithms, and those of its keys", lists, "crypto"},
    {"crypto", "only public parts of keys leave", public_parts, "crypto", "get_key"},
    {"crypto", "unknown keys are not found", unknown, "crypto", "get_key"},
    {"crypto", "algorithms that there are not are refused", bad_algorithms, "crypto", "wrap_key"},
    {"crypto", "keys are wrapped and unwrapped", wraps, "crypto", "wrap_key"},
    {"crypto", "texts are encrypted and decrypted", encrypts, "crypto", "encrypt"},
    {"crypto", "digests are signed and verified", signs, "crypto", "sign"},
    {0},
};
