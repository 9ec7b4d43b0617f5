/* bindings.http: a request of HTTP for each operation, which are its methods. components.md 2.14 */
#include "wish.h"
#include <base/mem.h>
#include <base/slice.h>
#include <ctype.h>
#include <http/http.h>
#include <http/small_file.h>
#include <trilby/bindings.h>

#define CONNECT_NS 15000000000ll
#define MAX_REDIRECTS 10
#define CONNECTIONS 128

struct web {
    const char *url, *root_ca, *certificate, *key, *token, *token_header;   /* options, filled in by the host */
    uint32_t renegotiation, errors;
    int64_t timeout_ns;
    uint64_t max_bytes;
    struct text ca_pem, certificate_pem, key_pem;                           /* ours, from start to stop */
    struct http *http;
};

static const struct trb_option options[] = {
    TRB_STRING(struct web, url, "url", .required = 1, .example = "https://api.example.com/v1",
               .doc = "Where requests go; a path of the request's metadata is put behind it."),
    TRB_STRING(struct web, root_ca, "MTLSRootCA", .empty_is_absent = 1,
               .doc = "Authorities to trust, as PEM text or the path of a file."),
    TRB_STRING(struct web, certificate, "MTLSClientCert", .empty_is_absent = 1,
               .doc = "Certificate to show, as PEM text or the path of a file; with MTLSClientKey."),
    TRB_STRING(struct web, key, "MTLSClientKey", .sensitive = 1, .empty_is_absent = 1,
               .doc = "Key of MTLSClientCert, as PEM text or the path of a file."),
    TRB_CHOICE(struct web, renegotiation, "MTLSRenegotiation", .fallback = "RenegotiateNever", .empty_is_absent = 1,
               .choices = "RenegotiateNever|RenegotiateOnceAsClient|RenegotiateFreelyAsClient",
               .doc = "Accepted; whether a server of TLS 1.2 may renegotiate is OpenSSL's own rule."),
    TRB_STRING(struct web, token, "securityToken", .sensitive = 1, .empty_is_absent = 1,
               .doc = "Value of the header securityTokenHeader, sent with every request."),
    TRB_STRING(struct web, token_header, "securityTokenHeader", .empty_is_absent = 1, .example = "X-Security-Token",
               .doc = "Name of the header that carries securityToken."),
    TRB_DURATION(struct web, timeout_ns, "responseTimeout", .empty_is_absent = 1, .example = "10s",
                 .doc = "Give up a request after this; without it only the caller's own limit counts."),
    TRB_BYTES(struct web, max_bytes, "maxResponseBodySize", .fallback = "100Mi", .empty_is_absent = 1, .max = (int64_t)1 << 32,
              .doc = "What an answer has beyond this is cut off."),
    TRB_BOOL(struct web, errors, "errorIfNot2XX", .fallback = "true", .empty_is_absent = 1,
             .doc = "An answer whose status is no 2xx is a failure of the operation."),
};

/* ------------------------------------------------------------------------------------------- start */
static bool take_pem(const char *what, const char *given, struct text *ret, struct trb_error *err)
{
    if (!given)
        return true;
    if (!strstr(given, "-----BEGIN "))
        return small_file_read(what, given, ret, err);
    text_adds(ret, given);
    return true;
}

static bool take_options(struct web *w, struct trb_error *err)
{
    if (strncasecmp(w->url, "http://", 7) && strncasecmp(w->url, "https://", 8))
        return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "url: %.200s is no URL of HTTP", w->url), false;
    if (!w->certificate != !w->key)
        return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "MTLSClientCert and MTLSClientKey go together: %s is missing",
                         w->key ? "MTLSClientCert" : "MTLSClientKey"), false;
    return take_pem("MTLSRootCA", w->root_ca, &w->ca_pem, err) &&
           take_pem("MTLSClientCert", w->certificate, &w->certificate_pem, err) &&
           take_pem("MTLSClientKey", w->key, &w->key_pem, err);
}

static struct trb_slice pem_of(const struct text *t)
{
    return (struct trb_slice){t->at, t->len};
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct web *w = self;
    struct trb_error err = {.size = sizeof err};
    if (take_options(w, &err)) {
        struct http_setup http = {
            .host = call->host, .origin = call->origin, .product = "http",
            .tls = {.ca_pem = pem_of(&w->ca_pem), .certificate_pem = pem_of(&w->certificate_pem), .key_pem = pem_of(&w->key_pem)},
            .max_answer_bytes = w->max_bytes, .connect_timeout_ns = CONNECT_NS, .timeout_ns = w->timeout_ns > 0 ? w->timeout_ns : -1,
            .max_connections = CONNECTIONS, .user_agent = "Go-http-client/1.1"};
        w->http = http_create(&http, &err);
    }
    if (w->http)
        trb_done(call);
    else
        call->host->fail(call, &err);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct web *w = self;
    w->http = http_destroy(w->http);
    text_fini(&w->ca_pem);
    text_fini(&w->certificate_pem);
    small_file_wipe(&w->key_pem);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------------ answers */
struct asking {
    struct trb_call *call;
    bool errors;
};

static void answer(struct asking *a, const struct http_answer *from)
{
    struct arena *scratch = arena_create(SIZE_MAX);
    char sentence[64];
    struct trb_binding_answer answer = {.size = sizeof answer, .metadata = wish_answer_metadata(scratch, from)};
    if (a->errors && (from->status < 200 || from->status > 299))
        answer.failure = slice_from(sentence, (size_t)snprintf(sentence, sizeof sentence, "received status code %u", from->status));
    answer.data = http_body_take(from);
    a->call->host->done(a->call, &answer, sizeof answer);
    arena_destroy(scratch);
}

static void answered(void *arg, const struct http_answer *from, const struct trb_error *err)
{
    struct asking *a = arg;
    if (err)
        a->call->host->fail(a->call, err);
    else
        answer(a, from);
    mem_free(a);
}

/* --------------------------------------------------------------------------------------- operations */
static bool is_error(const struct web *w, const struct trb_pairs *metadata)
{
    struct trb_name given = trb_pair_get(metadata, "errorIfNot2XX");
    return given.len ? slice_is_truthy(slice_name(given)) : w->errors;
}

static void ask(struct web *w, struct trb_call *call, const struct trb_binding_invoke *q, const char *method)
{
    struct arena *scratch = arena_create(SIZE_MAX);
    struct wish wish = {.url = w->url, .method = method, .token_header = w->token_header, .token = w->token, .metadata = &q->metadata};
    struct asking *a = mem_zero(sizeof *a);
    *a = (struct asking){call, is_error(w, &q->metadata)};
    struct http_request r = {.method = method, .url = wish_url(scratch, &wish), .headers = wish_headers(scratch, &wish),
                             .call = call, .max_redirects = MAX_REDIRECTS, .cut = true, .answered = answered, .arg = a};
    if (wish_has_body(method))
        r.body = slice_from(q->data.at ? q->data.at : "", q->data.len);
    http_ask(w->http, &r);
    arena_destroy(scratch);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    const char *method = wish_method(slice_name(q->operation));
    if (method)
        ask(self, call, q, method);
    else
        trb_fail(call, TRB_UNIMPLEMENTED, "NO_SUCH_OPERATION", "invalid operation: %s", q->operation.at);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    http_cancel_for(((struct web *)self)->http, call, why);
}

static const struct trb_bindings_ops ops = {.size = sizeof ops, .operations = WISH_OPERATIONS, .invoke = invoke};
static const struct trb_component web = {
    .size = sizeof web, .block = "bindings", .type = "bindings.http", .version = "v1",
    .summary = "Requests to an HTTP endpoint.", .caps = TRB_BINDINGS_OUTPUT,
    .run = TRB_ON_LOOP, TRB_SELF(struct web, options),
    .ops = &ops, .start = start, .stop = stop, .cancel = cancel,
};
TRB_PLUGIN("http", "1.0.0", "Apache-2.0", &web);
