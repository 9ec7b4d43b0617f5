/* PUT /v1.0-alpha1/crypto/{name}/decrypt, and DecryptAlpha1.
 *
 *     parse (HTTP), read ┄┄► options (gRPC) ──► header ┄┄ the file key is unwrapped ┄┄► unwrapped ──► crossing_run
 */
#include "../crossing.h"
#include <pb/runtime.h>
#include <sealed/sealed.h>

struct decrypt {
    struct crossing crossing;
    struct trb_name key_name;       /* overrides the manifest's; empty: it counts */
    struct trb_instance *instance;
    struct trb_crypto_open question;
};

_Static_assert(sizeof(struct crossing_message) == sizeof(struct runtime_decrypt_request), "{options, payload}");

/* ------------------------------------------------------------------------------------ the engine */
static bool take(void *self, struct trb_slice *rest, struct trb_slice *ret_segment)
{
    return opener_take(self, rest, ret_segment);
}

static bool end(void *self, struct trb_slice *ret_segment)
{
    return opener_end(self, ret_segment);
}

static const char *fault(const void *self)
{
    return opener_fault(self);
}

static struct trb_slice head(const void *self)
{
    return slice_from(NULL, 0);
}

static void destroy(void *self)
{
    opener_destroy(self);
}

static struct opener *opener_of(struct decrypt *d)
{
    return d->crossing.engine.self;
}

/* ------------------------------------------------------------------------------------- the steps */
/* Why a key could not be unwrapped is for the log: a client learns that the file is not for this key. */
static struct trb_next unwrapped(struct trb_request *rq)
{
    struct decrypt *d = rq->state;
    const struct trb_crypto_opened *answer = rq->kernel->answer(rq);
    bool is_key = answer && answer->plain.len == SEALED_KEY;
    if (!answer)
        rq->kernel->log(TRB_LOG_WARN, "dapr.runtime",
                        trb_printf(rq, "the file key of a stream to decrypt could not be unwrapped: %.*s",
                                   SLICE_ARG(component_said(rq, rq->kernel->failure(rq)))).at);
    if (!opener_unlock(opener_of(d), is_key ? (const uint8_t *)answer->plain.at : NULL))
        return crossing_fail(rq, &d->crossing, "%s", opener_fault(opener_of(d)));
    return TRB_GO(crossing_run);
}

static struct trb_name key_name_of(struct trb_request *rq, const struct decrypt *d, const struct sealed_manifest *m)
{
    return d->key_name.len ? d->key_name : trb_printf(rq, "%.*s", SLICE_ARG(m->key_name));
}

static struct trb_next ask(struct trb_request *rq, struct decrypt *d)
{
    static const char zeros[16];    /* as they were when the key was wrapped: encrypt.c */
    const struct sealed_manifest *m = opener_manifest(opener_of(d));
    struct trb_name algorithm = name_of(sealed_wrap_name(m->wrap)), key_name = key_name_of(rq, d, m);
    if (!key_name.len)
        return crossing_fail(rq, &d->crossing, "document's manifest does not contain a key name, and no key name was provided");
    d->question = (struct trb_crypto_open){
        .size = sizeof d->question, .key_name = key_name, .algorithm = algorithm, .sealed = m->wrapped_key,
        .nonce = strstr(algorithm.at, "CBC") ? slice_from(zeros, sizeof zeros) : slice_from(NULL, 0)};
    return trb_ask(rq, d->instance, TRB_AT(crypto, unwrap_key), &d->question, TRB_GO(unwrapped));
}

static struct trb_next read_header(struct trb_request *rq)
{
    struct decrypt *d = rq->state;
    struct trb_next next;
    for (;;) {
        switch (crossing_take(rq, &d->crossing, &next)) {
        case CROSSING_WAIT: return rq->kernel->body_wait(rq, TRB_GO(read_header));
        case CROSSING_OVER: return next;
        case CROSSING_END: opener_header_end(opener_of(d)); break;
        default:
            if (opener_header(opener_of(d), &d->crossing.rest))
                return ask(rq, d);
        }
        if (opener_fault(opener_of(d)))
            return crossing_fail(rq, &d->crossing, "%s", opener_fault(opener_of(d)));
    }
}

/* ------------------------------------------------------------------------------------- the doors */
static struct decrypt *begin(struct trb_request *rq, const struct pb_type *in, const struct pb_type *out)
{
    struct decrypt *d = trb_request_state(rq, sizeof *d);
    crossing_begin(rq, &d->crossing, in, out);
    return d;
}

static void open(struct decrypt *d)
{
    d->crossing.engine = (struct engine){opener_create(), take, end, fault, head, destroy};
}

struct trb_next decrypt_parse(struct trb_request *rq)
{
    struct decrypt *d = begin(rq, NULL, NULL);
    struct trb_next refusal;
    d->instance = provider_find(rq, rq->kernel->path(rq, "name"), &refusal);
    if (!d->instance)
        return refusal;
    struct trb_slice key_name = rq->kernel->header(rq, "dapr-key-name");
    d->key_name = trb_printf(rq, "%.*s", SLICE_ARG(key_name));
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/octet-stream"));
    open(d);
    return TRB_GO(read_header);
}

static struct trb_next options(struct trb_request *rq, const void *message)
{
    const struct runtime_decrypt_request_options *o = message;
    struct decrypt *d = rq->state;
    struct trb_next refusal;
    d->instance = provider_find(rq, o->component_name, &refusal);
    if (!d->instance)
        return refusal;
    d->key_name = trb_printf(rq, "%.*s", SLICE_ARG(o->key_name));
    open(d);
    return TRB_GO(read_header);
}

struct trb_next decrypt_read(struct trb_request *rq)
{
    struct decrypt *d = begin(rq, &runtime_decrypt_request_pb, &runtime_decrypt_response_pb);
    return crossing_first(rq, &d->crossing, options);
}
