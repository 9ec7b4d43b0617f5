/* secretstores.aws.secretmanager: secrets of AWS Secrets Manager.
 *
 *     one: GetSecretValue    all: ListSecrets, page by page, and GetSecretValue for each
 *
 * A value is named by the secret's Name as the service says it, also when it was asked for by its ARN. */
#include <aws/aws.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <secrets/secret_reader.h>

struct manager {
    struct reader_store reader;         /* first: its verbs are ours */
    struct aws_config config;           /* options, filled in by the host */
    uint32_t is_multiple;
    struct aws aws;                     /* ours, from start to stop */
    bool has_aws;
};

static const struct trb_option options[] = {
    AWS_OPTIONS(struct manager, config),
    TRB_BOOL(struct manager, is_multiple, "multipleKeyValuesPerSecret", .fallback = "false", .empty_is_absent = 1,
             .doc = "A secret that is a JSON object is one secret with several values."),
};

/* ----------------------------------------------------------------------------------------- start */
static const struct reader_product product;

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct manager *m = self;
    struct trb_error err = {.size = sizeof err};
    struct http_setup http = {.host = call->host, .origin = call->origin, .product = "aws secretsmanager"};
    if (!m->is_multiple)
        call->host->narrow(call->origin, ~TRB_SECRET_MULTIPLE);
    reader_open(&m->reader, call, &product);
    m->reader.http = http_create(&http, &err);
    if (m->reader.http)
        m->has_aws = true;
    if (m->reader.http && aws_start(&m->aws, &m->config, call->host, m->reader.http, "secretsmanager", "SECRETS_MANAGER", &err))
        trb_done(call);
    else
        call->host->fail(call, &err);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct manager *m = self;
    m->reader.http = http_destroy(m->reader.http);
    if (m->has_aws)
        aws_stop(&m->aws);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- questions */
static void add_member(struct text *t, const char *name, struct trb_name value)
{
    if (!value.len)
        return;
    text_addf(t, "%s\"%s\":", t->len > 1 ? "," : "", name);
    text_add_json(t, slice_name(value), false);
}

static bool ask(void *self, struct reader_wish *w, struct text *url, struct http_request *r, struct trb_error *err)
{
    struct manager *m = self;
    bool is_page = w->kind == READER_PAGE;
    struct trb_pair *headers = arena_alloc(w->arena, 2 * sizeof *headers);
    struct text body = {0};
    text_addc(&body, '{');
    if (is_page) {
        add_member(&body, "NextToken", w->name);
    } else {
        add_member(&body, "SecretId", w->name);
        add_member(&body, "VersionId", trb_pair_get(&w->metadata, "version_id"));
        add_member(&body, "VersionStage", trb_pair_get(&w->metadata, "version_stage"));
    }
    text_addc(&body, '}');
    headers[0] = (struct trb_pair){NAME("Content-Type"), NAME("application/x-amz-json-1.1")};
    headers[1].key = NAME("X-Amz-Target");
    headers[1].value = is_page ? NAME("secretsmanager.ListSecrets") : NAME("secretsmanager.GetSecretValue");
    r->headers = (struct trb_pairs){headers, 2, sizeof *headers};
    r->body = slice_name(arena_name(w->arena, text_slice(&body)));
    r->repeatable = true;
    r->signer = &m->aws.lease.signer;
    text_addf(url, "%s/", m->aws.endpoint);
    text_fini(&body);
    return true;
}

/* --------------------------------------------------------------------------------------- answers */
static void give_members(struct reader_wish *w, struct trb_name name, struct json_value object)
{
    struct trb_pair *pairs = arena_alloc(w->arena, (json_count(object) + 1) * sizeof *pairs);
    struct json_cursor c = json_enter(object);
    struct json_value value;
    struct trb_slice key;
    uint32_t count = 0;
    while (json_member(&c, &key, &value)) {
        struct trb_pair *p = &pairs[count++];
        p->key = json_name(w->arena, (struct json_value){JSON_STRING, key});
        p->value = value.kind == JSON_STRING ? reader_text(w, value) : (struct trb_name){value.raw.at, value.raw.len};
    }
    struct trb_pairs values = {pairs, count, sizeof *pairs};
    reader_give(w, name, &values);
}

static void heard_secret(void *self, struct reader_wish *w, struct json_value body)
{
    const struct manager *m = self;
    struct json_value said = json_find(body, SLICE("Name")), string = json_find(body, SLICE("SecretString")), object;
    struct trb_name name = said.kind == JSON_STRING ? json_name(w->arena, said) : w->name;
    struct trb_pair pair = {name, {NULL, 0}};
    struct trb_pairs values = {&pair, 0, sizeof pair};
    struct json_fault fault;
    if (string.kind == JSON_STRING) {   /* a binary secret has none, and gives no values */
        pair.value = reader_text(w, string);
        values.count = 1;
        if (m->is_multiple && json_parse(slice_name(pair.value), &object, &fault) && object.kind == JSON_OBJECT) {
            give_members(w, name, object);
            return;
        }
    }
    reader_give(w, name, &values);
}

static void heard_names(void *self, struct reader_wish *w, struct json_value body)
{
    struct json_value list = json_find(body, SLICE("SecretList")), next = json_find(body, SLICE("NextToken")), entry;
    struct json_cursor c = {0};
    if (list.kind == JSON_ARRAY)
        c = json_enter(list);
    while (list.kind == JSON_ARRAY && json_next(&c, &entry)) {
        struct json_value name = entry.kind == JSON_OBJECT ? json_find(entry, SLICE("Name")) : entry;
        if (name.kind == JSON_STRING)
            reader_more(w, READER_ONE, json_text(w->arena, name));
    }
    if (next.kind == JSON_STRING && json_text(w->arena, next).len)
        reader_more(w, READER_PAGE, json_text(w->arena, next));
}

/* {"__type":"ResourceNotFoundException","message":"…"}; the type may have a prefix that ends in '#'. */
static void refuse(struct reader_wish *w, const struct http_answer *a)
{
    struct json_value body, type = {0}, message = {0};
    struct json_fault fault;
    struct trb_slice said = slice_trim(a->body), kind = {NULL, 0};
    if (json_parse(a->body, &body, &fault) && body.kind == JSON_OBJECT) {
        type = json_find(body, SLICE("__type"));
        message = json_find_nocase(body, SLICE("message"));
    }
    if (type.kind == JSON_STRING)
        kind = json_text(w->arena, type);
    if (message.kind == JSON_STRING)
        said = json_text(w->arena, message);
    bool is_absent = slice_ends(kind, SLICE("ResourceNotFoundException"));
    trb_code code = is_absent                                          ? TRB_NOT_FOUND
                    : slice_ends(kind, SLICE("AccessDeniedException")) ? TRB_DENIED
                    : slice_ends(kind, SLICE("ThrottlingException"))   ? TRB_UNAVAILABLE
                                                                       : reader_code(a->status);
    reader_fail(w, code, is_absent ? "SECRET_NOT_FOUND" : "AWS_REFUSED", "couldn't get secret: %.*s%s%.*s", SLICE_ARG(kind),
                kind.len ? ": " : "", SLICE_ARG(said));
}

static const struct reader_product product = {.ask = ask, .one = heard_secret, .page = heard_names, .refuse = refuse};

static const struct trb_component secretmanager = {
    .size = sizeof secretmanager, .block = "secretstores", .type = "secretstores.aws.secretmanager", .version = "v1",
    .summary = "Secrets of AWS Secrets Manager.", .caps = TRB_SECRET_MULTIPLE, .run = TRB_ON_LOOP, TRB_SELF(struct manager, options),
    .ops = &reader_ops, .start = start, .stop = stop, .cancel = reader_cancel,
};
TRB_PLUGIN("aws-secretmanager", "0.1.0", "Apache-2.0", &secretmanager);
