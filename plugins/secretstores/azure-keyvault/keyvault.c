/* secretstores.azure.keyvault: secrets of an Azure Key Vault.
 *
 *     one: GET <vault>/secrets/<name>/<version_id>
 *     all: GET <vault>/secrets, page by page, and each of those that are enabled
 *
 * A page is named "<secrets so far> <link>": metadata.maxresults is looked at after each page. */
#include <azure/azure.h>
#include <base/mem.h>
#include <base/slice.h>
#include <secrets/secret_reader.h>

#define PLAIN "-_.~"
#define API "api-version=7.4"

struct keyvault {
    struct reader_store reader;         /* first: its verbs are ours */
    const char *name;                   /* options, filled in by the host */
    struct azure_config config;
    struct text base;                   /* ours, from start to stop: "https://name.vault.azure.net" */
    struct azure azure;
    bool has_azure;
};

static const struct trb_option options[] = {
    TRB_STRING(struct keyvault, name, "vaultName", .required = 1, .example = "my-vault",
               .doc = "Name of the vault, or its host or URL. A URL that is not Azure's is taken as it is."),
    AZURE_OPTIONS(struct keyvault, config),
};

/* ----------------------------------------------------------------------------------------- start */
static const struct reader_product product;

static const char *const suffixes[] = {".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net"};

/* A bare name gets the suffix of the cloud; a host that has one sets the cloud. */
static bool find_vault(struct keyvault *k, struct trb_error *err)
{
    struct trb_slice name = slice_trim(slice_of(k->name)), host = name;
    bool is_url = slice_contains(name, SLICE("://"));
    if (is_url) {
        host = slice_skip(name, (size_t)(strstr(k->name, "://") + 3 - name.at));
        host = slice_cut(host, strcspn(host.at, "/?# "));
    }
    for (uint32_t n = 0; n < 3; n++)
        if (slice_ends(host, slice_of(suffixes[n]))) {
            k->config.cloud = n;
            text_addf(&k->base, "https://%.*s", SLICE_ARG(host));
            return true;
        }
    if (is_url) {
        while (slice_ends(name, SLICE("/")))
            name.len--;
        text_add(&k->base, name);
    } else {
        for (size_t n = 0; n < name.len; n++)
            if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", name.at[n]))
                return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "azure keyvault: vaultName %s is no name of a vault", k->name), false;
        text_addf(&k->base, "https://%.*s%s", SLICE_ARG(name), suffixes[k->config.cloud]);
    }
    return true;
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    static const char *const resources[] = {"https://vault.azure.net", "https://vault.azure.cn", "https://vault.usgovcloudapi.net"};
    struct keyvault *k = self;
    struct trb_error err = {.size = sizeof err};
    struct http_setup http = {.host = call->host, .origin = call->origin, .product = "azure keyvault"};
    reader_open(&k->reader, call, &product);
    if (find_vault(k, &err))
        k->reader.http = http_create(&http, &err);
    k->has_azure = k->reader.http != NULL;
    if (k->has_azure && azure_start(&k->azure, &k->config, call->host, k->reader.http, resources[k->config.cloud], &err))
        trb_done(call);
    else
        call->host->fail(call, &err);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct keyvault *k = self;
    k->reader.http = http_destroy(k->reader.http);
    if (k->has_azure)
        azure_stop(&k->azure);
    text_fini(&k->base);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- questions */
static bool ask(void *self, struct reader_wish *w, struct text *url, struct http_request *r, struct trb_error *err)
{
    struct keyvault *k = self;
    struct trb_name version = trb_pair_get(&w->metadata, "version_id");
    r->signer = azure_signer(&k->azure);
    if (w->kind == READER_PAGE) {
        if (w->name.at)
            text_adds(url, strchr(w->name.at, ' ') + 1);
        else
            text_addf(url, "%s/secrets?" API, k->base.at);
        return true;
    }
    struct trb_slice name = slice_name(w->name);
    if (!name.len || slice_is(name, SLICE(".")) || slice_is(name, SLICE("..")))
        return trb_error(err, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "secret %s not found", w->name.at), false;
    text_addf(url, "%s/secrets/", k->base.at);
    text_add_escaped(url, name, PLAIN);
    text_addc(url, '/');
    text_add_escaped(url, w->is_bulk ? SLICE("") : slice_name(version), PLAIN);
    text_adds(url, "?" API);
    return true;
}

/* --------------------------------------------------------------------------------------- answers */
static struct json_value member(struct json_value object, struct trb_slice name)
{
    return object.kind == JSON_OBJECT ? json_find(object, name) : (struct json_value){0};
}

/* https://…/secrets/NAME → NAME */
static struct trb_slice name_in(struct trb_slice id)
{
    const char *at = memmem(id.at, id.len, "/secrets/", 9);
    struct trb_slice rest = at ? slice_skip(id, (size_t)(at - id.at) + 9) : (struct trb_slice){NULL, 0};
    return rest.at ? slice_split(&rest, '/') : SLICE("");
}

static void heard_names(void *self, struct reader_wish *w, struct json_value body)
{
    struct keyvault *k = self;
    struct json_value list = member(body, SLICE("value")), next = member(body, SLICE("nextLink")), entry;
    struct trb_name most = trb_pair_get(&w->metadata, "maxresults");
    uint64_t count = 0, limit = 0;
    struct json_cursor c = {0};
    if (w->name.at)
        slice_to_u64(slice_cut(slice_name(w->name), strcspn(w->name.at, " ")), &count);
    if (list.kind == JSON_ARRAY)
        c = json_enter(list);
    while (list.kind == JSON_ARRAY && json_next(&c, &entry)) {
        struct json_value id = member(entry, SLICE("id")), enabled = member(member(entry, SLICE("attributes")), SLICE("enabled"));
        struct trb_slice name = id.kind == JSON_STRING ? name_in(json_text(w->arena, id)) : SLICE("");
        if (name.len && enabled.kind == JSON_TRUE) {
            reader_more(w, READER_ONE, name);
            count++;
        }
    }
    struct trb_slice link = next.kind == JSON_STRING ? json_text(w->arena, next) : SLICE("");
    if (!link.len || (most.len && slice_to_u64(slice_name(most), &limit) && limit && count >= limit))
        return;
    if (!slice_starts(link, text_slice(&k->base)) || link.at[k->base.len] != '/')
        reader_fail(w, TRB_INTERNAL, "BAD_ANSWER", "azure keyvault: the next page would lead away from the vault");
    else
        reader_more(w, READER_PAGE, slice_name(arena_printf(w->arena, "%llu %.*s", (unsigned long long)count, SLICE_ARG(link))));
}

static void heard_secret(void *self, struct reader_wish *w, struct json_value body)
{
    struct json_value value = member(body, SLICE("value"));
    if (value.kind == JSON_STRING)
        reader_give_one(w, slice_name(reader_text(w, value)));
    else
        reader_fail(w, TRB_INTERNAL, "BAD_ANSWER", "azure keyvault: the answer for %s has no value", w->name.at);
}

/* {"error":{"code":"SecretNotFound","message":"…"}} */
static void refuse(struct reader_wish *w, const struct http_answer *a)
{
    struct json_value body = {0}, message;
    struct json_fault fault;
    struct trb_slice said = slice_trim(a->body);
    json_parse(a->body, &body, &fault);
    message = member(member(body, SLICE("error")), SLICE("message"));
    if (message.kind == JSON_STRING)
        said = json_text(w->arena, message);
    reader_fail(w, reader_code(a->status), a->status == 404 ? "SECRET_NOT_FOUND" : "AZURE_REFUSED", "azure keyvault answered %u: %.*s",
                a->status, SLICE_ARG(said));
}

static const struct reader_product product = {.ask = ask, .one = heard_secret, .page = heard_names, .refuse = refuse};

static const struct trb_component keyvault = {
    .size = sizeof keyvault, .block = "secretstores", .type = "secretstores.azure.keyvault", .version = "v1",
    .summary = "Secrets of an Azure Key Vault.", .run = TRB_ON_LOOP, TRB_SELF(struct keyvault, options),
    .ops = &reader_ops, .start = start, .stop = stop, .cancel = reader_cancel,
};
TRB_PLUGIN("azure-keyvault", "0.1.0", "Apache-2.0", &keyvault);
