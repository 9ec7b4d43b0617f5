/* secretstores.kubernetes: Secrets of the cluster, by its API server.
 *
 *     one: GET /api/v1/namespaces/<namespace>/secrets/<name>
 *     all: GET /api/v1/namespaces/<namespace>/secrets
 *
 * The namespace is metadata.namespace of the request, else the variable NAMESPACE, else defaultNamespace. */
#include "kube_access.h"
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <secrets/secret_reader.h>
#include <stdlib.h>

#define PLAIN "-_.~"

struct kubernetes {
    struct reader_store reader;         /* first: its verbs are ours */
    const char *default_namespace, *config_path, *account_path;     /* options, filled in by the host */
    uint64_t max_bytes;
    struct kube_access access;          /* ours, from start to stop */
};

static const struct trb_option options[] = {
    TRB_STRING(struct kubernetes, default_namespace, "defaultNamespace", .empty_is_absent = 1,
               .doc = "Namespace of a request that names none, when the variable NAMESPACE does not either."),
    TRB_STRING(struct kubernetes, config_path, "kubeconfigPath", .empty_is_absent = 1, .example = "/etc/trilby/kubeconfig",
               .doc = "File that says where the cluster is; else KUBECONFIG, else ~/.kube/config, else the pod's service account."),
    TRB_STRING(struct kubernetes, account_path, "serviceAccountPath", .fallback = "/var/run/secrets/kubernetes.io/serviceaccount",
               .empty_is_absent = 1, .doc = "Folder of the pod's service account: token, read anew for each request, and ca.crt."),
    TRB_BYTES(struct kubernetes, max_bytes, "maxSize", .fallback = "64Mi", .max = 1 << 30,
              .doc = "Refuse a larger answer of the API server."),
};

/* ----------------------------------------------------------------------------------------- start */
static const struct reader_product product;

static struct trb_slice or_absent(const struct text *t)
{
    return t->len ? text_slice(t) : (struct trb_slice){NULL, 0};
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct kubernetes *k = self;
    struct trb_error err = {.size = sizeof err};
    reader_open(&k->reader, call, &product);
    if (kube_access_find(&k->access, k->config_path, k->account_path, &err)) {
        struct kube_access *a = &k->access;
        struct http_setup http = {.host = call->host, .origin = call->origin, .product = "kubernetes", .max_answer_bytes = k->max_bytes,
                                  .tls = {.ca_pem = or_absent(&a->ca), .certificate_pem = or_absent(&a->certificate),
                                          .key_pem = or_absent(&a->key), .server_name = or_absent(&a->server_name).at,
                                          .skip_verify = a->skip_verify}};
        k->reader.http = http_create(&http, &err);
    }
    if (k->reader.http)
        trb_done(call);
    else
        call->host->fail(call, &err);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct kubernetes *k = self;
    k->reader.http = http_destroy(k->reader.http);
    kube_access_fini(&k->access);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- questions */
static bool add_token(struct kubernetes *k, struct reader_wish *w, struct http_request *r, struct trb_error *err)
{
    struct text token = {0};
    struct trb_pair *headers = arena_alloc(w->arena, 2 * sizeof *headers);
    if (k->access.token_path.len && !small_file_read("kubernetes", k->access.token_path.at, &token, err))
        return false;
    struct trb_slice bare = slice_trim(k->access.token_path.len ? text_slice(&token) : text_slice(&k->access.token));
    struct trb_slice parts[] = {SLICE("Bearer "), bare};
    headers[0] = (struct trb_pair){NAME("Accept"), NAME("application/json")};
    headers[1] = (struct trb_pair){NAME("Authorization"), arena_join(w->arena, parts, 2)};
    reader_wipe_later(w->arena, slice_name(headers[1].value));
    r->headers = (struct trb_pairs){headers, bare.len ? 2 : 1, sizeof *headers};
    small_file_wipe(&token);
    return true;
}

static struct trb_slice find_namespace(const struct kubernetes *k, const struct reader_wish *w)
{
    struct trb_name said = trb_pair_get(&w->metadata, "namespace");
    const char *around = getenv("NAMESPACE");
    if (said.len)
        return slice_name(said);
    return around && *around ? slice_of(around) : slice_of(k->default_namespace);
}

static bool is_segment(struct trb_slice s)
{
    return s.len && !slice_is(s, SLICE(".")) && !slice_is(s, SLICE(".."));
}

static bool ask(void *self, struct reader_wish *w, struct text *url, struct http_request *r, struct trb_error *err)
{
    struct kubernetes *k = self;
    struct trb_slice space = find_namespace(k, w);
    if (!space.len)
        return trb_error(err, TRB_INVALID, "NO_NAMESPACE", "the namespace is missing: say metadata.namespace, set the variable "
                         "NAMESPACE, or give the component a defaultNamespace"), false;
    if (!is_segment(space) || (w->kind == READER_ONE && !is_segment(slice_name(w->name))))
        return trb_error(err, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "secret %s not found", w->name.at ? w->name.at : ""), false;
    text_addf(url, "%s/api/v1/namespaces/", k->access.server.at);
    text_add_escaped(url, space, PLAIN);
    text_adds(url, "/secrets");
    if (w->kind == READER_ONE) {
        text_addc(url, '/');
        text_add_escaped(url, slice_name(w->name), PLAIN);
    }
    return add_token(k, w, r, err);
}

/* --------------------------------------------------------------------------------------- answers */
static bool decode(struct reader_wish *w, struct json_value value, struct trb_name *ret)
{
    struct trb_slice coded = value.kind == JSON_STRING ? json_text(w->arena, value) : SLICE("");
    char *room = arena_alloc(w->arena, coded.len * 3 / 4 + 4);
    size_t len = 0;
    if (value.kind != JSON_NULL && (value.kind != JSON_STRING || !base64_decode(coded, true, room, &len, NULL)))
        return false;
    room[len] = 0;
    *ret = (struct trb_name){room, len};
    reader_wipe_later(w->arena, slice_name(*ret));
    return true;
}

static void give(struct reader_wish *w, struct trb_name name, struct json_value secret)
{
    struct json_value data = json_find(secret, SLICE("data")), value;
    bool has_data = data.kind == JSON_OBJECT;
    struct trb_pair *pairs = arena_alloc(w->arena, (has_data ? json_count(data) + 1 : 1) * sizeof *pairs);
    struct json_cursor c = {0};
    struct trb_slice key;
    uint32_t count = 0;
    if (has_data)
        c = json_enter(data);
    while (has_data && json_member(&c, &key, &value)) {
        struct trb_pair *p = &pairs[count++];
        p->key = json_name(w->arena, (struct json_value){JSON_STRING, key});
        if (!decode(w, value, &p->value)) {
            reader_fail(w, TRB_INTERNAL, "BAD_VALUE", "the value %s of the secret %s is not base64", p->key.at, name.at);
            return;
        }
    }
    struct trb_pairs values = {pairs, count, sizeof *pairs};
    reader_give(w, name, &values);
}

static void give_named(void *self, struct reader_wish *w, struct json_value secret)
{
    give(w, w->name, secret);
}

static void give_all(void *self, struct reader_wish *w, struct json_value list)
{
    struct json_value items = json_find(list, SLICE("items")), item;
    if (items.kind != JSON_ARRAY)
        return;
    struct json_cursor c = json_enter(items);
    while (json_next(&c, &item)) {
        struct json_value meta = item.kind == JSON_OBJECT ? json_find(item, SLICE("metadata")) : item;
        struct json_value name = meta.kind == JSON_OBJECT ? json_find(meta, SLICE("name")) : meta;
        if (name.kind == JSON_STRING)
            give(w, json_name(w->arena, name), item);
    }
}

/* The server's own sentence, where it has one. */
static void refuse(struct reader_wish *w, const struct http_answer *a)
{
    struct json_value body, message = {0};
    struct json_fault fault;
    struct trb_slice said = slice_trim(a->body);
    if (json_parse(a->body, &body, &fault) && body.kind == JSON_OBJECT)
        message = json_find(body, SLICE("message"));
    if (message.kind == JSON_STRING)
        said = json_text(w->arena, message);
    reader_fail(w, reader_code(a->status), "KUBERNETES_REFUSED", "kubernetes answered %u: %.*s", a->status, SLICE_ARG(said));
}

static const struct reader_product product = {.ask = ask, .one = give_named, .page = give_all, .refuse = refuse};

static const struct trb_component kubernetes = {
    .size = sizeof kubernetes, .block = "secretstores", .type = "secretstores.kubernetes", .version = "v1",
    .summary = "Secrets of a Kubernetes cluster.", .run = TRB_ON_LOOP, TRB_SELF(struct kubernetes, options),
    .ops = &reader_ops, .start = start, .stop = stop, .cancel = reader_cancel,
};
TRB_PLUGIN("kubernetes", "0.1.0", "Apache-2.0", &kubernetes);
