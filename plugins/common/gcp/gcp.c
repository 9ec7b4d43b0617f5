/* gcp: credentials of three kinds, each of which can fetch a token. */
#include <base/clock.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <gcp/gcp.h>
#include <http/small_file.h>
#include <stdlib.h>
#include <unistd.h>

#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define NEAR_NS 3000000000
#define LIFETIME_S 3600
#define ARENA_BUDGET (4u << 20)

static const char *env_of(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---------------------------------------------------------------------------------------- fetching */
static void ask_with_key(struct gcp *g)
{
    struct trb_error err = {.size = sizeof err};
    struct text header = {0}, claims = {0}, assertion = {0}, form = {0};
    long long now_s = clock_wall_ns() / 1000000000;
    text_adds(&header, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":");
    text_add_json(&header, text_slice(&g->key_id), false);
    text_addc(&header, '}');
    text_adds(&claims, "{\"iss\":");
    text_add_json(&claims, text_slice(&g->email), false);
    text_addf(&claims, ",\"scope\":\"%s\",\"aud\":", g->scope);
    text_add_json(&claims, text_slice(&g->token_uri), false);
    text_addf(&claims, ",\"iat\":%lld,\"exp\":%lld}", now_s - 10, now_s + LIFETIME_S - 10);
    if (oauth_assert(g->key, text_slice(&header), text_slice(&claims), &assertion)) {
        oauth_add(&form, "grant_type", SLICE("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        oauth_add(&form, "assertion", text_slice(&assertion));
        oauth_post(&g->oauth, g->token_uri.at, &form);
    } else {
        trb_error(&err, TRB_INTERNAL, "NO_TOKEN", "gcp: the assertion could not be signed");
        lease_failed(&g->lease, &err);
    }
    text_fini(&header);
    text_fini(&claims);
    small_file_wipe(&assertion);
}

static void ask_metadata(struct gcp *g)
{
    struct trb_pair header = {NAME("Metadata-Flavor"), NAME("Google")};
    struct trb_pairs headers = {&header, 1, sizeof header};
    const char *host = env_of("GCE_METADATA_HOST");
    struct text url = {0};
    text_addf(&url, "http://%s/computeMetadata/v1/instance/service-accounts/default/token", host ? host : "169.254.169.254");
    oauth_get(&g->oauth, url.at, &headers, NEAR_NS);
    text_fini(&url);
}

static void fetch(void *arg)
{
    struct gcp *g = arg;
    if (g->key) {
        ask_with_key(g);
    } else if (g->refresh.len) {
        struct text form = {0};
        text_add(&form, text_slice(&g->refresh));
        oauth_post(&g->oauth, g->token_uri.at, &form);
    } else {
        ask_metadata(g);
    }
}

/* ------------------------------------------------------------------------------------ credentials */
/* Keys travel through YAML and environments with their line ends written as \n. */
static void unfold(const char *key, struct text *ret)
{
    for (const char *at = key; *at; at++)
        if (at[0] == '\\' && at[1] == 'n') {
            text_addc(ret, '\n');
            at++;
        } else {
            text_addc(ret, *at);
        }
}

static bool use_key(struct gcp *g, const char *key_id, const char *key, const char *email, const char *token_uri, struct trb_error *err)
{
    struct text pem = {0};
    unfold(key, &pem);
    g->key = oauth_key_create("gcp", text_slice(&pem), NULL, err);
    small_file_wipe(&pem);
    text_adds(&g->key_id, key_id);
    text_adds(&g->email, email);
    text_adds(&g->token_uri, token_uri);
    return g->key != NULL;
}

static const char *member(struct arena *a, struct json_value object, struct trb_slice name)
{
    struct json_value v = json_find(object, name);
    return v.kind == JSON_STRING ? json_name(a, v).at : NULL;
}

static bool use_user(struct gcp *g, struct arena *a, struct json_value object)
{
    const char *id = member(a, object, SLICE("client_id")), *secret = member(a, object, SLICE("client_secret"));
    const char *token = member(a, object, SLICE("refresh_token"));
    if (!id || !secret || !token)
        return false;
    oauth_add(&g->refresh, "grant_type", SLICE("refresh_token"));
    oauth_add(&g->refresh, "client_id", slice_of(id));
    oauth_add(&g->refresh, "client_secret", slice_of(secret));
    oauth_add(&g->refresh, "refresh_token", slice_of(token));
    text_adds(&g->token_uri, TOKEN_URI);
    return true;
}

static bool use_document(struct gcp *g, const char *path, struct json_value object, struct arena *a, struct trb_error *err)
{
    const char *type = object.kind == JSON_OBJECT ? member(a, object, SLICE("type")) : NULL;
    if (type && !strcmp(type, "service_account")) {
        const char *id = member(a, object, SLICE("private_key_id")), *key = member(a, object, SLICE("private_key"));
        const char *email = member(a, object, SLICE("client_email")), *uri = member(a, object, SLICE("token_uri"));
        if (key && email)
            return use_key(g, id ? id : "", key, email, uri ? uri : TOKEN_URI, err);
    } else if (type && !strcmp(type, "authorized_user") && use_user(g, a, object)) {
        return true;
    }
    trb_error(err, TRB_INVALID, "BAD_CREDENTIALS", "gcp: %s holds credentials of the type %s, or not all of them; service_account and "
              "authorized_user are supported", path, type ? type : "\"\"");
    return false;
}

static bool use_file(struct gcp *g, const char *path, struct trb_error *err)
{
    struct text text = {0};
    struct json_value top = {0};
    struct json_fault fault;
    bool ok = small_file_read("gcp", path, &text, err);
    if (ok) {
        struct arena *a = arena_create(ARENA_BUDGET);
        json_parse(text_slice(&text), &top, &fault);
        ok = use_document(g, path, top, a, err);
        arena_destroy(a);
    }
    small_file_wipe(&text);
    return ok;
}

static bool use_default(struct gcp *g, struct trb_error *err)
{
    const char *named = env_of("GOOGLE_APPLICATION_CREDENTIALS"), *folder = env_of("CLOUDSDK_CONFIG"), *home = env_of("HOME");
    struct text path = {0};
    bool ok = true;
    if (named)
        return use_file(g, named, err);
    if (folder || home)
        text_addf(&path, "%s%s/application_default_credentials.json", folder ? folder : home, folder ? "" : "/.config/gcloud");
    if (path.len && !access(path.at, R_OK))
        ok = use_file(g, path.at, err);
    text_fini(&path);
    return ok;
}

bool gcp_start(struct gcp *g, const struct gcp_config *c, const struct trb_host *host, struct http *http, const char *scope,
               struct trb_error *err)
{
    *g = (struct gcp){.scope = scope, .oauth = {.http = http, .who = "gcp"}};
    g->oauth.lease = &g->lease;
    lease_init(&g->lease, &(struct lease_setup){.host = host, .arg = g, .fetch = fetch});
    if (!c->key_id)
        return use_default(g, err);
    if (!c->type || !c->key || !c->email)
        return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "gcp: with privateKeyID the options type, privateKey and clientEmail are needed"),
               false;
    return use_key(g, c->key_id, c->key, c->email, c->token_uri, err);
}

void gcp_stop(struct gcp *g)
{
    lease_fini(&g->lease);
    g->key = oauth_key_destroy(g->key);
    small_file_wipe(&g->email);
    small_file_wipe(&g->key_id);
    small_file_wipe(&g->token_uri);
    small_file_wipe(&g->refresh);
}
