/* secretstores.hashicorp.vault: secrets of Vault's KV engine, version 2.
 *
 *     one: GET  <vaultAddr>/v1/<engine>/data/[<prefix>/]<name>?version=…
 *     all: LIST <vaultAddr>/v1/<engine>/metadata/[<prefix>/]<folder>, folders end in '/'
 */
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <secrets/secret_reader.h>

#define PLAIN "-_.~/"
#define MAX_REDIRECTS 3                 /* a standby node names the active one */

#define VALUE_MAP 0u
#define VALUE_TEXT 1u

struct vault {
    struct reader_store reader;         /* first: its verbs are ours */
    const char *address, *given_token, *token_path, *prefix, *engine, *ca_pem, *ca_path, *ca_cert, *skip_verify, *server_name;
    uint32_t use_prefix, value_type;    /* options, filled in by the host */
    uint64_t max_bytes;
    struct text token, ca;              /* ours, from start to stop */
};

static const struct trb_option options[] = {
    TRB_STRING(struct vault, address, "vaultAddr", .fallback = "https://127.0.0.1:8200", .empty_is_absent = 1,
               .example = "https://vault:8200", .doc = "Address of Vault."),
    TRB_STRING(struct vault, given_token, "vaultToken", .sensitive = 1, .empty_is_absent = 1,
               .doc = "Token to present; this or vaultTokenMountPath."),
    TRB_STRING(struct vault, token_path, "vaultTokenMountPath", .empty_is_absent = 1, .example = "/var/run/secrets/vault-token",
               .doc = "File that holds the token; read when the component starts."),
    TRB_STRING(struct vault, prefix, "vaultKVPrefix", .fallback = "dapr", .empty_is_absent = 1,
               .doc = "Folder of the engine in which names are looked for."),
    TRB_BOOL(struct vault, use_prefix, "vaultKVUsePrefix", .fallback = "true", .empty_is_absent = 1,
             .doc = "Whether there is such a folder."),
    TRB_STRING(struct vault, engine, "enginePath", .fallback = "secret", .empty_is_absent = 1,
               .doc = "Where the KV engine is mounted."),
    TRB_CHOICE(struct vault, value_type, "vaultValueType", .choices = "map|text", .fallback = "map", .empty_is_absent = 1,
               .doc = "map: each member of a secret is a value. text: the secret is one value, its JSON."),
    TRB_STRING(struct vault, ca_pem, "caPem", .empty_is_absent = 1, .doc = "Authorities to trust, as PEM text."),
    TRB_STRING(struct vault, ca_path, "caPath", .empty_is_absent = 1,
               .doc = "Folder whose files are authorities to trust; counts when there is no caPem."),
    TRB_STRING(struct vault, ca_cert, "caCert", .empty_is_absent = 1,
               .doc = "File of authorities to trust; counts when there is neither caPem nor caPath."),
    TRB_STRING(struct vault, skip_verify, "skipVerify", .fallback = "false",
               .doc = "true: do not check Vault's certificate. Not for production."),
    TRB_STRING(struct vault, server_name, "tlsServerName", .empty_is_absent = 1,
               .doc = "Name that Vault's certificate must carry, when it is not the one of vaultAddr."),
    TRB_BYTES(struct vault, max_bytes, "maxSize", .fallback = "16Mi", .max = 1 << 30, .doc = "Refuse a larger answer of Vault."),
};

/* ----------------------------------------------------------------------------------------- start */
static bool find_token(struct vault *v, struct trb_error *err)
{
    if (!v->given_token == !v->token_path)
        return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "vault: exactly one of vaultToken and vaultTokenMountPath is needed"), false;
    if (v->given_token)
        text_adds(&v->token, v->given_token);
    else if (!small_file_read("vault: vaultTokenMountPath", v->token_path, &v->token, err))
        return false;
    if (!slice_trim(text_slice(&v->token)).len)
        return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "vault: %s holds no token", v->token_path ? v->token_path : "vaultToken"), false;
    return true;
}

static bool find_authorities(struct vault *v, struct trb_error *err)
{
    if (v->ca_pem)
        text_adds(&v->ca, v->ca_pem);
    else if (v->ca_path)
        return small_file_walk("vault: caPath", v->ca_path, &v->ca, err);
    else if (v->ca_cert)
        return small_file_read("vault: caCert", v->ca_cert, &v->ca, err);
    return true;
}

static const struct reader_product product;

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct vault *v = self;
    struct trb_error err = {.size = sizeof err};
    if (v->value_type == VALUE_TEXT)
        call->host->narrow(call->origin, ~TRB_SECRET_MULTIPLE);
    reader_open(&v->reader, call, &product);
    if (find_token(v, &err) && find_authorities(v, &err)) {
        struct http_setup http = {.host = call->host, .origin = call->origin, .product = "vault", .max_answer_bytes = v->max_bytes,
                                  .tls = {.ca_pem = {v->ca.at, v->ca.len}, .server_name = v->server_name,
                                          .skip_verify = !strcmp(v->skip_verify, "true")}};
        v->reader.http = http_create(&http, &err);
    }
    if (v->reader.http)
        trb_done(call);
    else
        call->host->fail(call, &err);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct vault *v = self;
    v->reader.http = http_destroy(v->reader.http);
    small_file_wipe(&v->token);
    text_fini(&v->ca);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- questions */
/* A name is a path below the prefix, and stays there. */
static bool is_below(struct trb_slice path)
{
    struct trb_slice rest = path;
    while (rest.at) {
        struct trb_slice part = slice_split(&rest, '/');
        if (slice_is(part, SLICE(".")) || slice_is(part, SLICE("..")))
            return false;
    }
    return path.len > 0;
}

static void add_path(const struct vault *v, struct text *url, const char *what, struct trb_slice name)
{
    struct trb_slice address = slice_of(v->address);
    while (slice_ends(address, SLICE("/")))
        address.len--;
    text_addf(url, "%.*s/v1/", SLICE_ARG(address));
    text_add_escaped(url, slice_of(v->engine), PLAIN);
    text_addf(url, "/%s/", what);
    if (v->use_prefix) {
        text_add_escaped(url, slice_of(v->prefix), PLAIN);
        text_addc(url, '/');
    }
    text_add_escaped(url, name, PLAIN);
}

static bool ask(void *self, struct reader_wish *w, struct text *url, struct http_request *r, struct trb_error *err)
{
    struct vault *v = self;
    struct trb_name version = trb_pair_get(&w->metadata, "version_id");
    struct trb_slice token = slice_trim(text_slice(&v->token));
    struct trb_pair *headers = arena_alloc(w->arena, 2 * sizeof *headers);
    headers[0] = (struct trb_pair){NAME("X-Vault-Token"), {token.at, token.len}};
    headers[1] = (struct trb_pair){NAME("X-Vault-Request"), NAME("true")};
    r->headers = (struct trb_pairs){headers, 2, sizeof *headers};
    r->max_redirects = MAX_REDIRECTS;
    if (w->kind == READER_PAGE) {
        r->method = "LIST";
        add_path(v, url, "metadata", w->name.at ? slice_name(w->name) : SLICE(""));
        return true;
    }
    if (!is_below(slice_name(w->name)))
        return trb_error(err, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "secret key or version not exist: %s is no path",
                         w->name.at), false;
    add_path(v, url, "data", slice_name(w->name));
    text_adds(url, "?version=");
    text_add_escaped(url, version.len ? slice_name(version) : SLICE("0"), PLAIN);
    return true;
}

/* --------------------------------------------------------------------------------------- answers */
static void give_map(struct reader_wish *w, struct json_value data)
{
    struct trb_pair *pairs = arena_alloc(w->arena, (json_count(data) + 1) * sizeof *pairs);
    struct json_cursor c = json_enter(data);
    struct json_value value;
    struct trb_slice key;
    uint32_t count = 0;
    while (json_member(&c, &key, &value)) {
        struct trb_name name = json_name(w->arena, (struct json_value){JSON_STRING, key});
        if (value.kind != JSON_STRING) {
            reader_fail(w, TRB_INTERNAL, "BAD_VALUE", "vault: the value %s of %s is a JSON %s, not a text; "
                        "vaultValueType text reads it whole", name.at, w->name.at, json_kind_name(value));
            return;
        }
        pairs[count++] = (struct trb_pair){name, reader_text(w, value)};
    }
    struct trb_pairs values = {pairs, count, sizeof *pairs};
    reader_give(w, w->name, &values);
}

static void give_text(struct reader_wish *w, struct json_value data)
{
    struct text compact = {0};
    json_canonical(data, &compact);
    reader_give_one(w, text_slice(&compact));
    small_file_wipe(&compact);
}

static void heard_secret(void *self, struct reader_wish *w, struct json_value body)
{
    const struct vault *v = self;
    struct json_value data = json_find(body, SLICE("data"));
    data = data.kind == JSON_OBJECT ? json_find(data, SLICE("data")) : data;
    if (data.kind != JSON_OBJECT)
        reader_fail(w, TRB_INTERNAL, "BAD_ANSWER", "vault: the answer has no data.data; is %s a KV engine of version 2?", v->engine);
    else if (v->value_type == VALUE_TEXT)
        give_text(w, data);
    else
        give_map(w, data);
}

static void heard_names(void *self, struct reader_wish *w, struct json_value body)
{
    struct json_value keys = json_find(body, SLICE("data")), key;
    keys = keys.kind == JSON_OBJECT ? json_find(keys, SLICE("keys")) : keys;
    struct json_cursor c = json_enter(keys);
    while (keys.kind == JSON_ARRAY && json_next(&c, &key)) {
        if (key.kind != JSON_STRING)
            continue;
        struct trb_slice parts[] = {w->name.at ? slice_name(w->name) : SLICE(""), json_text(w->arena, key)};
        struct trb_slice path = slice_name(arena_join(w->arena, parts, 2));
        if (is_below(path))
            reader_more(w, slice_ends(path, SLICE("/")) ? READER_PAGE : READER_ONE, path);
    }
}

static void refuse(struct reader_wish *w, const struct http_answer *a)
{
    if (a->status == 404 && w->is_bulk)
        return;                         /* deleted meanwhile, or nothing there at all */
    if (a->status == 404)
        reader_fail(w, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "secret key or version not exist");
    else
        reader_fail(w, reader_code(a->status), "VAULT_REFUSED", "vault answered %u to %s: %.*s", a->status,
                    w->kind == READER_PAGE ? "a listing" : w->name.at, SLICE_ARG(slice_trim(a->body)));
}

static const struct reader_product product = {.ask = ask, .one = heard_secret, .page = heard_names, .refuse = refuse};

static const struct trb_component vault = {
    .size = sizeof vault, .block = "secretstores", .type = "secretstores.hashicorp.vault", .version = "v1",
    .summary = "Secrets of HashiCorp Vault, KV engine version 2.", .caps = TRB_SECRET_MULTIPLE,
    .run = TRB_ON_LOOP, TRB_SELF(struct vault, options),
    .ops = &reader_ops, .start = start, .stop = stop, .cancel = reader_cancel,
};
TRB_PLUGIN("hashicorp-vault", "0.1.0", "Apache-2.0", &vault);
