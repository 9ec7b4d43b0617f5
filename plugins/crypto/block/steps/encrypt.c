/* PUT /v1.0-alpha1/crypto/{name}/encrypt, and EncryptAlpha1.
 *
 *     parse (HTTP), read ┄┄► options (gRPC) ──► ask ┄┄ the file key is wrapped ┄┄► wrapped ──► crossing_run
 */
#include "../crossing.h"
#include <base/codec.h>
#include <base/mem.h>
#include <pb/runtime.h>
#include <sealed/sealed.h>

struct encrypt {
    struct crossing crossing;
    struct trb_name component, key_name, decryption_key_name;
    struct trb_slice algorithm, cipher;     /* as the client says them */
    bool omits_key_name;
    struct trb_instance *instance;
    struct sealed_manifest manifest;
    struct trb_crypto_seal question;
    uint8_t file_key[SEALED_KEY];
};

_Static_assert(sizeof(struct crossing_message) == sizeof(struct runtime_encrypt_request), "{options, payload}");

/* ------------------------------------------------------------------------------------ the engine */
static bool take(void *self, struct trb_slice *rest, struct trb_slice *ret_segment)
{
    return sealer_take(self, rest, ret_segment);
}

static bool end(void *self, struct trb_slice *ret_segment)
{
    return sealer_end(self, ret_segment);
}

static const char *fault(const void *self)
{
    return sealer_fault(self);
}

static struct trb_slice head(const void *self)
{
    return sealer_header(self);
}

static void destroy(void *self)
{
    sealer_destroy(self);
}

/* ------------------------------------------------------------------------------------- the steps */
static struct trb_next wrapped(struct trb_request *rq)
{
    struct encrypt *e = rq->state;
    const struct trb_crypto_sealed *answer = rq->kernel->answer(rq);
    struct sealer *made = NULL;
    if (answer && answer->bytes.len && answer->bytes.len <= SEALED_WRAPPED_MOST && !answer->tag.len) {
        e->manifest.wrapped_key = answer->bytes;
        made = sealer_create(&e->manifest, e->file_key, NULL);
    }
    mem_wipe(e->file_key, sizeof e->file_key);
    if (!answer)
        return crossing_fail(rq, &e->crossing, "failed to wrap the file key: %.*s", SLICE_ARG(component_said(rq, rq->kernel->failure(rq))));
    if (!made)
        return crossing_fail(rq, &e->crossing, "the header of the encrypted stream would be too long");
    e->crossing.engine = (struct engine){made, take, end, fault, head, destroy};
    return TRB_GO(crossing_run);
}

static struct trb_slice upper(struct trb_request *rq, struct trb_slice name)
{
    char *at = trb_alloc(rq, name.len + 1);
    for (size_t i = 0; i < name.len; i++)
        at[i] = (char)(name.at[i] >= 'a' && name.at[i] <= 'z' ? name.at[i] & ~0x20 : name.at[i]);
    return slice_from(at, name.len);
}

/* AES in CBC wants a nonce, for which the format has no place: zeros, because each file key is wrapped once. */
static struct trb_slice nonce_of(uint32_t wrap)
{
    static const char zeros[16];
    return strstr(sealed_wrap_name(wrap), "CBC") ? slice_from(zeros, sizeof zeros) : slice_from(NULL, 0);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct encrypt *e = rq->state;
    struct sealed_manifest *m = &e->manifest;
    m->wrap = sealed_wrap_number(e->algorithm);
    m->cipher = e->cipher.len ? sealed_cipher_number(e->cipher) : sealed_cipher_number(SLICE("AES-GCM"));
    if (!e->omits_key_name)
        m->key_name = slice_name(e->decryption_key_name.len ? e->decryption_key_name : e->key_name);
    if (!m->wrap)
        return crossing_fail(rq, &e->crossing, "option Algorithm is not valid: algorithm %.*s is not supported",
                             SLICE_ARG(upper(rq, e->algorithm)));
    if (!m->cipher)
        return crossing_fail(rq, &e->crossing, "option Cipher is not valid: cipher %.*s is not supported",
                             SLICE_ARG(upper(rq, e->cipher)));
    random_bytes(e->file_key, sizeof e->file_key);
    e->question = (struct trb_crypto_seal){
        .size = sizeof e->question, .key_name = e->key_name, .algorithm = name_of(sealed_wrap_name(m->wrap)),
        .plain = slice_from((const char *)e->file_key, sizeof e->file_key), .nonce = nonce_of(m->wrap)};
    return trb_ask(rq, e->instance, TRB_AT(crypto, wrap_key), &e->question, TRB_GO(wrapped));
}

/* ------------------------------------------------------------------------------------- the doors */
static struct trb_name header(struct trb_request *rq, const char *name)
{
    struct trb_slice s = rq->kernel->header(rq, name);
    return trb_printf(rq, "%.*s", SLICE_ARG(s));
}

struct trb_next encrypt_parse(struct trb_request *rq)
{
    struct encrypt *e = trb_request_state(rq, sizeof *e);
    struct trb_next refusal;
    crossing_begin(rq, &e->crossing, NULL, NULL);
    e->instance = provider_find(rq, rq->kernel->path(rq, "name"), &refusal);
    if (!e->instance)
        return refusal;
    e->key_name = header(rq, "dapr-key-name");
    e->algorithm = rq->kernel->header(rq, "dapr-key-wrap-algorithm");
    e->cipher = rq->kernel->header(rq, "dapr-data-encryption-cipher");
    e->omits_key_name = slice_is_truthy(rq->kernel->header(rq, "dapr-omit-decryption-key-name"));
    e->decryption_key_name = header(rq, "dapr-decryption-key-name");
    if (!e->key_name.len)
        return trb_refuse(rq, &BAD_REQUEST, "invalid request: missing header 'dapr-key-name'");
    if (!e->algorithm.len)
        return trb_refuse(rq, &BAD_REQUEST, "invalid request: missing header 'dapr-key-wrap-algorithm'");
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/octet-stream"));
    return TRB_GO(ask);
}

static struct trb_name keep(struct trb_request *rq, struct trb_name name)     /* the message goes */
{
    return trb_printf(rq, "%.*s", SLICE_ARG(name));
}

static struct trb_next options(struct trb_request *rq, const void *message)
{
    const struct runtime_encrypt_request_options *o = message;
    struct encrypt *e = rq->state;
    struct trb_next refusal;
    if (!o->key_name.len)
        return trb_refuse(rq, &BAD_REQUEST, "invalid request: missing property 'keyName' in the options message");
    if (!o->key_wrap_algorithm.len)
        return trb_refuse(rq, &BAD_REQUEST, "invalid request: missing property 'keyWrapAlgorithm' in the options message");
    e->instance = provider_find(rq, o->component_name, &refusal);
    if (!e->instance)
        return refusal;
    e->key_name = keep(rq, o->key_name);
    e->algorithm = slice_name(keep(rq, o->key_wrap_algorithm));
    e->cipher = slice_name(keep(rq, o->data_encryption_cipher));
    e->omits_key_name = o->omit_decryption_key_name;
    e->decryption_key_name = keep(rq, o->decryption_key_name);
    return TRB_GO(ask);
}

struct trb_next encrypt_read(struct trb_request *rq)
{
    struct encrypt *e = trb_request_state(rq, sizeof *e);
    crossing_begin(rq, &e->crossing, &runtime_encrypt_request_pb, &runtime_encrypt_response_pb);
    return crossing_first(rq, &e->crossing, options);
}
