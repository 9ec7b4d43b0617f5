/* aws: from options and environment to a signer. */
#include <aws/aws_inside.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <stdlib.h>

const char *env_of(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

void keys_join(struct text *t, struct trb_slice id, struct trb_slice secret, struct trb_slice token)
{
    text_add(t, id);
    text_addc(t, 0);
    text_add(t, secret);
    text_addc(t, 0);
    text_add(t, token);
}

struct sigv4_keys keys_split(struct trb_slice joined)
{
    struct sigv4_keys k = {0};
    k.id = slice_split(&joined, 0);
    k.secret = slice_split(&joined, 0);
    k.token = joined.len ? joined : (struct trb_slice){NULL, 0};
    return k;
}

bool aws_keys(const struct aws *a, struct sigv4_keys *ret_keys)
{
    if (!a->lease.secret || (a->lease.end_ns && a->host->now_ns() >= a->lease.end_ns))
        return false;
    *ret_keys = keys_split(slice_from(a->lease.secret, a->lease.secret_len));
    return true;
}

/* ------------------------------------------------------------------------------------- signing */
static trb_code sign(void *arg, struct http_call *c, struct trb_slice secret, struct trb_error *err)
{
    struct aws *a = arg;
    struct sigv4_keys keys = keys_split(secret);
    struct text authorization = {0};
    char date[17], hash[SIGV4_HASH];
    int64_t now_s = clock_wall_ns() / 1000000000;
    bool is_s3 = !strcmp(a->service, "s3");
    sigv4_date(now_s, date);
    sigv4_hash(http_call_body(c), hash);
    http_call_set(c, "X-Amz-Date", slice_of(date));
    if (is_s3)
        http_call_set(c, "X-Amz-Content-Sha256", slice_of(hash));
    if (keys.token.len)
        http_call_set(c, "X-Amz-Security-Token", keys.token);
    struct sigv4_request r = {.method = http_call_method(c), .url = http_call_url(c), .headers = http_call_headers(c), .payload_hash = hash,
                              .region = a->region, .service = a->service, .now_s = now_s};
    sigv4_sign(&keys, &r, &authorization);
    http_call_set(c, "Authorization", text_slice(&authorization));
    text_fini(&authorization);
    return TRB_OK;
}

static void fetch(void *arg)
{
    struct aws *a = arg;
    if (a->source == SOURCE_FIXED)
        aws_have(a, text_slice(&a->base), 0);
    else
        source_ask(a);
}

void aws_have(struct aws *a, struct trb_slice joined, int64_t lifetime_ns)
{
    if (a->config->role)
        sts_assume_role(a, joined);
    else
        lease_got(&a->lease, joined, lifetime_ns);
}

/* -------------------------------------------------------------------------------------- sources */
static void find_source(struct aws *a, struct text *shared)
{
    const struct aws_config *c = a->config;
    const char *id = env_of("AWS_ACCESS_KEY_ID"), *secret = env_of("AWS_SECRET_ACCESS_KEY"), *token = env_of("AWS_SESSION_TOKEN");
    a->source = SOURCE_FIXED;
    if (c->access_key)
        keys_join(&a->base, slice_of(c->access_key), slice_of(c->secret_key), slice_of(c->session_token));
    else if (id && secret)
        keys_join(&a->base, slice_of(id), slice_of(secret), slice_of(token));
    else if (env_of("AWS_WEB_IDENTITY_TOKEN_FILE") && env_of("AWS_ROLE_ARN"))
        a->source = SOURCE_WEB_IDENTITY;
    else if (shared->len)
        text_add(&a->base, text_slice(shared));
    else
        a->source = env_of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || env_of("AWS_CONTAINER_CREDENTIALS_FULL_URI") ? SOURCE_CONTAINER
                                                                                                               : SOURCE_INSTANCE;
}

static bool find_region(struct aws *a, const char *shared, struct trb_error *err)
{
    const char *region = a->config->region ? a->config->region : env_of("AWS_REGION");
    region = region ? region : env_of("AWS_DEFAULT_REGION");
    region = region ? region : shared;
    if (!region)
        return trb_error(err, TRB_INVALID, "NO_REGION", "aws: the region is missing: give the option region or set AWS_REGION"), false;
    if (strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region))
        return trb_error(err, TRB_INVALID, "BAD_REGION", "aws: %.60s is no name of a region", region), false;
    a->region = mem_text(region, strlen(region));
    return true;
}

static void find_endpoint(struct aws *a, const char *variable)
{
    char name[80];
    struct text t = {0};
    snprintf(name, sizeof name, "AWS_ENDPOINT_URL_%s", variable);
    const char *said = a->config->endpoint ? a->config->endpoint : env_of(name);
    said = said ? said : env_of("AWS_ENDPOINT_URL");
    if (said)
        text_addf(&t, "%s%s", strstr(said, "://") ? "" : "https://", said);
    else
        text_addf(&t, "https://%s.%s.amazonaws.com%s", a->service, a->region, !strncmp(a->region, "cn-", 3) ? ".cn" : "");
    while (t.len && t.at[t.len - 1] == '/')
        t.at[--t.len] = 0;
    a->endpoint = mem_text(t.at, t.len);
    text_fini(&t);
}

static bool check_config(const struct aws_config *c, struct trb_error *err)
{
    const char *wrong = c->trust_anchor || c->trust_profile ? "IAM Roles Anywhere (trustAnchorArn, trustProfileArn) is not supported yet"
                        : !c->access_key != !c->secret_key  ? "accessKey and secretKey belong together"
                                                            : NULL;
    if (wrong)
        trb_error(err, TRB_INVALID, "BAD_OPTIONS", "aws: %s", wrong);
    return !wrong;
}

bool aws_start(struct aws *a, const struct aws_config *config, const struct trb_host *host, struct http *http, const char *service,
               const char *variable, struct trb_error *err)
{
    struct text shared = {0};
    char *region = NULL;
    *a = (struct aws){.config = config, .host = host, .http = http, .service = service};
    lease_init(&a->lease, &(struct lease_setup){.host = host, .arg = a, .fetch = fetch, .use = sign});
    if (!check_config(config, err))
        return false;
    shared_read(&shared, &region);
    bool ok = find_region(a, region, err);
    if (ok) {
        find_endpoint(a, variable);
        find_source(a, &shared);
        if (a->source == SOURCE_FIXED && !config->role)
            lease_got(&a->lease, text_slice(&a->base), 0);
    }
    small_file_wipe(&shared);
    mem_free(region);
    return ok;
}

void aws_stop(struct aws *a)
{
    lease_fini(&a->lease);
    small_file_wipe(&a->base);
    small_file_wipe(&a->metadata_token);
    a->region = mem_free(a->region);
    a->endpoint = mem_free(a->endpoint);
}
