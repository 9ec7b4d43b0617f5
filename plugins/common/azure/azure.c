/* azure: tokens of the ways to sign in. */
#include <azure/azure.h>
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <stdlib.h>

#define NEAR_NS 5000000000
#define ASSERTION "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_S 600

#define WAY_UNKNOWN 0u
#define WAY_SECRET 1u
#define WAY_CERTIFICATE 2u
#define WAY_WORKLOAD 3u
#define WAY_MANAGED 4u
#define WAY_NONE 5u
#define WAY_UNSUPPORTED 6u

static const struct {
    const char *name;
    uint32_t way;
} ways[] = {{"clientcredentials", WAY_SECRET}, {"creds", WAY_SECRET}, {"clientcertificate", WAY_CERTIFICATE}, {"cert", WAY_CERTIFICATE},
            {"workloadidentity", WAY_WORKLOAD}, {"wi", WAY_WORKLOAD}, {"managedidentity", WAY_MANAGED}, {"mi", WAY_MANAGED},
            {"none", WAY_NONE}, {"commandlineinterface", WAY_UNSUPPORTED}, {"cli", WAY_UNSUPPORTED},
            {"spiffeworkloadidentity", WAY_UNSUPPORTED}, {"spiffe", WAY_UNSUPPORTED}};

static const char *env_of(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---------------------------------------------------------------------------------------- fetching */
static void token_url(const struct azure *a, struct text *url)
{
    static const char *const hosts[] = {"https://login.microsoftonline.com", "https://login.chinacloudapi.cn",
                                        "https://login.microsoftonline.us"};
    const char *host = env_of("AZURE_AUTHORITY_HOST");
    host = host ? host : hosts[a->config->cloud];
    text_addf(url, "%.*s/", (int)(strlen(host) - (host[strlen(host) - 1] == '/')), host);
    text_add_escaped(url, text_slice(&a->tenant), "-_.~");
    text_adds(url, "/oauth2/v2.0/token");
}

static void begin_form(const struct azure *a, struct text *form)
{
    struct text scope = {0};
    text_addf(&scope, "%s/.default", a->resource);
    oauth_add(form, "grant_type", SLICE("client_credentials"));
    oauth_add(form, "client_id", text_slice(&a->client));
    oauth_add(form, "scope", text_slice(&scope));
    text_fini(&scope);
}

static bool add_own_assertion(const struct azure *a, const char *url, struct text *form)
{
    struct text header = {0}, claims = {0}, assertion = {0};
    long long now_s = clock_wall_ns() / 1000000000;
    char id[UUID_TEXT];
    uuid_v4(id);
    text_adds(&header, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5t\":\"");
    bool ok = oauth_key_thumbprint(a->key, &header);
    text_adds(&header, "\"}");
    text_adds(&claims, "{\"aud\":");
    text_add_json(&claims, slice_of(url), false);
    text_adds(&claims, ",\"iss\":");
    text_add_json(&claims, text_slice(&a->client), false);
    text_adds(&claims, ",\"sub\":");
    text_add_json(&claims, text_slice(&a->client), false);
    text_addf(&claims, ",\"jti\":\"%s\",\"nbf\":%lld,\"exp\":%lld}", id, now_s - 30, now_s + ASSERTION_S);
    ok = ok && oauth_assert(a->key, text_slice(&header), text_slice(&claims), &assertion);
    oauth_add(form, "client_assertion_type", SLICE(ASSERTION));
    oauth_add(form, "client_assertion", text_slice(&assertion));
    text_fini(&header);
    text_fini(&claims);
    small_file_wipe(&assertion);
    return ok;
}

static bool add_proof(struct azure *a, const char *url, struct text *form, struct trb_error *err)
{
    struct text token = {0};
    bool ok = true;
    if (a->way == WAY_SECRET) {
        oauth_add(form, "client_secret", slice_of(a->config->secret));
    } else if (a->way == WAY_CERTIFICATE) {
        ok = add_own_assertion(a, url, form);
        if (!ok)
            trb_error(err, TRB_INTERNAL, "NO_TOKEN", "azure: the assertion could not be signed");
    } else if ((ok = small_file_read("azure: AZURE_FEDERATED_TOKEN_FILE", env_of("AZURE_FEDERATED_TOKEN_FILE"), &token, err))) {
        oauth_add(form, "client_assertion_type", SLICE(ASSERTION));
        oauth_add(form, "client_assertion", slice_trim(text_slice(&token)));
    }
    small_file_wipe(&token);
    return ok;
}

static void ask_entra(struct azure *a)
{
    struct trb_error err = {.size = sizeof err};
    struct text url = {0}, form = {0};
    token_url(a, &url);
    begin_form(a, &form);
    if (add_proof(a, url.at, &form, &err))
        oauth_post(&a->oauth, url.at, &form);
    else
        lease_failed(&a->lease, &err);
    small_file_wipe(&form);
    text_fini(&url);
}

/* App Service and its kin name an endpoint of their own; a virtual machine has one at a fixed address. */
static void ask_managed(struct azure *a)
{
    const char *endpoint = env_of("IDENTITY_ENDPOINT"), *proof = env_of("IDENTITY_HEADER");
    const char *other = env_of("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct trb_pair header = {NAME("Metadata"), NAME("true")};
    struct trb_pairs headers = {&header, 1, sizeof header};
    struct text url = {0};
    bool is_service = endpoint && proof;
    if (is_service)
        header = (struct trb_pair){NAME("X-IDENTITY-HEADER"), name_of(proof)};
    text_addf(&url, "%s%s?api-version=%s", is_service ? endpoint : other ? other : "http://169.254.169.254",
              is_service ? "" : "/metadata/identity/oauth2/token", is_service ? "2019-08-01" : "2018-02-01");
    oauth_add(&url, "resource", slice_of(a->resource));
    if (a->client.len)
        oauth_add(&url, "client_id", text_slice(&a->client));
    oauth_get(&a->oauth, url.at, &headers, NEAR_NS);
    text_fini(&url);
}

static void fetch(void *arg)
{
    struct azure *a = arg;
    if (a->way == WAY_MANAGED)
        ask_managed(a);
    else
        ask_entra(a);
}

/* ------------------------------------------------------------------------------------ which way */
static bool is_configured(const struct azure_config *c, uint32_t way)
{
    bool has_client = c->tenant && c->client;
    return way == WAY_SECRET        ? has_client && c->secret
           : way == WAY_CERTIFICATE ? has_client && (c->certificate || c->certificate_file)
           : way == WAY_WORKLOAD    ? env_of("AZURE_FEDERATED_TOKEN_FILE") && (c->tenant || env_of("AZURE_TENANT_ID")) &&
                                       (c->client || env_of("AZURE_CLIENT_ID"))
                                    : way == WAY_MANAGED || way == WAY_NONE;
}

static uint32_t way_named(struct trb_slice name)
{
    for (size_t n = 0; n < sizeof ways / sizeof *ways; n++)
        if (slice_is_nocase(name, slice_of(ways[n].name)))
            return ways[n].way;
    return WAY_UNKNOWN;
}

static bool choose(struct azure *a, struct trb_error *err)
{
    struct trb_slice rest = slice_of(a->config->methods ? a->config->methods
                                                        : "clientcredentials,clientcertificate,workloadidentity,managedidentity");
    while (rest.at) {
        struct trb_slice name = slice_trim(slice_split(&rest, ','));
        uint32_t way = way_named(name);
        if (way == WAY_UNKNOWN && name.len)
            return trb_error(err, TRB_INVALID, "BAD_OPTIONS", "azure: azureAuthMethods does not know %.*s", SLICE_ARG(name)), false;
        if (way != WAY_UNKNOWN && is_configured(a->config, way)) {
            a->way = way;
            return true;
        }
    }
    trb_error(err, TRB_INVALID, "BAD_OPTIONS", "azure: none of the ways in azureAuthMethods is configured and supported");
    return false;
}

static bool load_key(struct azure *a, struct trb_error *err)
{
    const struct azure_config *c = a->config;
    struct text bytes = {0}, unused = {0};
    bool ok = true;
    if (c->certificate)
        text_adds(&bytes, c->certificate);
    else
        ok = small_file_read("azure: azureCertificateFile", c->certificate_file, &bytes, err);
    a->key = ok ? oauth_key_create("azure", text_slice(&bytes), c->certificate_password, err) : NULL;
    ok = a->key && oauth_key_thumbprint(a->key, &unused);
    if (a->key && !ok)
        trb_error(err, TRB_INVALID, "BAD_KEY", "azure: there is a key, but no certificate beside it");
    small_file_wipe(&bytes);
    text_fini(&unused);
    return ok;
}

bool azure_start(struct azure *a, const struct azure_config *config, const struct trb_host *host, struct http *http, const char *resource,
                 struct trb_error *err)
{
    *a = (struct azure){.config = config, .oauth = {.http = http, .who = "azure"}, .resource = mem_text(resource, strlen(resource))};
    a->oauth.lease = &a->lease;
    lease_init(&a->lease, &(struct lease_setup){.host = host, .arg = a, .fetch = fetch});
    if (!choose(a, err) || (a->way == WAY_CERTIFICATE && !load_key(a, err)))
        return false;
    const char *tenant = config->tenant, *client = config->client;
    if (a->way == WAY_WORKLOAD) {
        tenant = tenant ? tenant : env_of("AZURE_TENANT_ID");
        client = client ? client : env_of("AZURE_CLIENT_ID");
    }
    text_adds(&a->tenant, tenant ? tenant : "");
    text_adds(&a->client, client ? client : "");
    return true;
}

void azure_stop(struct azure *a)
{
    lease_fini(&a->lease);
    a->key = oauth_key_destroy(a->key);
    a->resource = mem_free(a->resource);
    text_fini(&a->tenant);
    text_fini(&a->client);
}

const struct http_signer *azure_signer(const struct azure *a)
{
    return a->way == WAY_NONE ? NULL : &a->lease.signer;
}
