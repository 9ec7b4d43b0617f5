/* secretstores.gcp.secretmanager: secrets of Google Cloud's Secret Manager, by its REST interface.
 *
 *     one: GET v1/projects/<project>/secrets/<name>/versions/<version_id or latest>:access
 *     all: GET v1/projects/<project>/secrets, page by page, and the latest version of each; named by their full names
 */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <gcp/gcp.h>
#include <secrets/secret_reader.h>

#define PLAIN "-_.~"
#define SCOPE "https://www.googleapis.com/auth/cloud-platform"

struct manager {
    struct reader_store reader;         /* first: its verbs are ours */
    struct gcp_config config;           /* options, filled in by the host */
    const char *endpoint;
    struct gcp gcp;                     /* ours, from start to stop */
    bool has_gcp;
};

static const struct trb_option options[] = {
    GCP_OPTIONS(struct manager, config),
    TRB_STRING(struct manager, endpoint, "endpoint", .fallback = "https://secretmanager.googleapis.com", .empty_is_absent = 1,
               .doc = "Address of the service, when it is not Google's own."),
};

/* ----------------------------------------------------------------------------------------- start */
static const struct reader_product product;

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct manager *m = self;
    struct trb_error err = {.size = sizeof err};
    struct http_setup http = {.host = call->host, .origin = call->origin, .product = "gcp secretmanager"};
    reader_open(&m->reader, call, &product);
    m->reader.http = http_create(&http, &err);
    m->has_gcp = m->reader.http != NULL;
    if (m->has_gcp && gcp_start(&m->gcp, &m->config, call->host, m->reader.http, SCOPE, &err))
        trb_done(call);
    else
        call->host->fail(call, &err);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct manager *m = self;
    m->reader.http = http_destroy(m->reader.http);
    if (m->has_gcp)
        gcp_stop(&m->gcp);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- questions */
static bool is_segment(struct trb_slice s)
{
    return s.len && !slice_is(s, SLICE(".")) && !slice_is(s, SLICE(".."));
}

/* projects/P/secrets/NAME, as a bulk names them. */
static bool is_full(struct trb_slice name)
{
    struct trb_slice part[4] = {0}, rest = name;
    uint32_t count = 0;
    while (rest.at && count < 4) {
        part[count++] = slice_split(&rest, '/');
        if (!is_segment(part[count - 1]))
            return false;
    }
    return count == 4 && !rest.at && slice_is(part[0], SLICE("projects")) && slice_is(part[2], SLICE("secrets"));
}

static void begin_url(const struct manager *m, struct text *url)
{
    struct trb_slice endpoint = slice_of(m->endpoint);
    while (slice_ends(endpoint, SLICE("/")))
        endpoint.len--;
    text_addf(url, "%.*s/v1/", SLICE_ARG(endpoint));
}

static void add_project(const struct manager *m, struct text *url)
{
    begin_url(m, url);
    text_adds(url, "projects/");
    text_add_escaped(url, slice_of(m->config.project), PLAIN);
    text_adds(url, "/secrets");
}

static bool ask(void *self, struct reader_wish *w, struct text *url, struct http_request *r, struct trb_error *err)
{
    struct manager *m = self;
    struct trb_name version = trb_pair_get(&w->metadata, "version_id");
    r->signer = &m->gcp.lease.signer;
    if (w->kind == READER_PAGE) {
        add_project(m, url);
        text_adds(url, "?pageSize=250");
        if (w->name.at) {
            text_adds(url, "&pageToken=");
            text_add_escaped(url, slice_name(w->name), PLAIN);
        }
        return true;
    }
    if (!is_segment(slice_name(w->name)))
        return trb_error(err, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "secret %s not found", w->name.at), false;
    if (is_full(slice_name(w->name))) {
        begin_url(m, url);
        text_add_escaped(url, slice_name(w->name), PLAIN "/");
    } else {
        add_project(m, url);
        text_addc(url, '/');
        text_add_escaped(url, slice_name(w->name), PLAIN);
    }
    text_adds(url, "/versions/");
    text_add_escaped(url, version.len ? slice_name(version) : SLICE("latest"), PLAIN);
    text_adds(url, ":access");
    return true;
}

/* --------------------------------------------------------------------------------------- answers */
static struct json_value member(struct json_value object, struct trb_slice name)
{
    return object.kind == JSON_OBJECT ? json_find(object, name) : (struct json_value){0};
}

static void heard_secret(void *self, struct reader_wish *w, struct json_value body)
{
    struct json_value data = member(member(body, SLICE("payload")), SLICE("data"));
    struct trb_slice coded = data.kind == JSON_STRING ? json_text(w->arena, data) : SLICE("");
    char *bytes = arena_alloc(w->arena, coded.len * 3 / 4 + 4);
    size_t len = 0;
    if (!base64_decode(coded, true, bytes, &len, NULL)) {
        reader_fail(w, TRB_INTERNAL, "BAD_ANSWER", "gcp: the payload of %s is not base64", w->name.at);
        return;
    }
    reader_wipe_later(w->arena, slice_from(bytes, len));
    reader_give_one(w, slice_from(bytes, len));
}

static void heard_names(void *self, struct reader_wish *w, struct json_value body)
{
    struct json_value list = member(body, SLICE("secrets")), next = member(body, SLICE("nextPageToken")), entry;
    struct json_cursor c = {0};
    if (list.kind == JSON_ARRAY)
        c = json_enter(list);
    while (list.kind == JSON_ARRAY && json_next(&c, &entry)) {
        struct json_value name = member(entry, SLICE("name"));
        if (name.kind == JSON_STRING)
            reader_more(w, READER_ONE, json_text(w->arena, name));
    }
    if (next.kind == JSON_STRING && json_text(w->arena, next).len)
        reader_more(w, READER_PAGE, json_text(w->arena, next));
}

/* {"error":{"code":404,"message":"…","status":"NOT_FOUND"}} */
static void refuse(struct reader_wish *w, const struct http_answer *a)
{
    struct json_value body = {0}, message;
    struct json_fault fault;
    struct trb_slice said = slice_trim(a->body);
    json_parse(a->body, &body, &fault);
    message = member(member(body, SLICE("error")), SLICE("message"));
    if (message.kind == JSON_STRING)
        said = json_text(w->arena, message);
    reader_fail(w, reader_code(a->status), a->status == 404 ? "SECRET_NOT_FOUND" : "GCP_REFUSED", "gcp answered %u: %.*s", a->status,
                SLICE_ARG(said));
}

static const struct reader_product product = {.ask = ask, .one = heard_secret, .page = heard_names, .refuse = refuse};

static const struct trb_component secretmanager = {
    .size = sizeof secretmanager, .block = "secretstores", .type = "secretstores.gcp.secretmanager", .version = "v1",
    .summary = "Secrets of Google Cloud Secret Manager.", .run = TRB_ON_LOOP, TRB_SELF(struct manager, options),
    .ops = &reader_ops, .start = start, .stop = stop, .cancel = reader_cancel,
};
TRB_PLUGIN("gcp-secretmanager", "0.1.0", "Apache-2.0", &secretmanager);
