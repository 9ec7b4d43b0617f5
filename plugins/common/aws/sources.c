/* sources: keys that are asked for: of a container, of an instance, of the token service. */
#include <aws/aws_inside.h>
#include <aws/xml.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>

#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST "http://169.254.169.254"
#define INSTANCE_PATH "/latest/meta-data/iam/security-credentials/"
#define NEAR_NS 2000000000              /* these answer at once or are not there */
#define STS_NS 10000000000
#define ARENA_BUDGET (4u << 20)
#define LIFETIME_UNKNOWN_NS 900000000000ll

/* Only a refusal is quoted: an answer that is none may hold a key in a form that we do not know. */
static void failed(struct aws *a, trb_code code, const char *what, const struct http_answer *answer)
{
    struct trb_error err = {.size = sizeof err};
    struct trb_slice said = answer->status < 300 ? SLICE("no keys are in it") : slice_trim(answer->body);
    trb_error(&err, code, "NO_CREDENTIALS", "aws: %s answered %u: %.*s", what, answer->status, SLICE_ARG(said));
    lease_failed(&a->lease, &err);
}

static void ask(struct aws *a, struct http_request *r, const char *url, bool is_near, http_answered *answered)
{
    r->url = url;
    r->answered = answered;
    r->arg = a;
    r->secret = true;
    r->no_proxy = is_near;
    r->timeout_ns = is_near ? NEAR_NS : STS_NS;
    http_ask(a->http, r);
}

static int64_t lifetime(struct trb_slice expiration)
{
    int64_t wall, left;
    if (!expiration.len || !clock_parse_rfc3339(expiration, &wall))
        return LIFETIME_UNKNOWN_NS;
    left = wall - clock_wall_ns();
    return left > 1000000000 ? left : 1000000000;
}

/* ------------------------------------------------------------------------ container and instance */
static struct trb_slice text_at(struct arena *arena, struct json_value object, struct trb_slice name)
{
    struct json_value v = json_find(object, name);
    return v.kind == JSON_STRING ? json_text(arena, v) : (struct trb_slice){NULL, 0};
}

static void wiped(void *arg)
{
    small_file_wipe(arg);
}

/* {"AccessKeyId":…,"SecretAccessKey":…,"Token":…,"Expiration":…} */
static void on_document(struct aws *a, const char *what, const struct http_answer *answer, const struct trb_error *err)
{
    struct json_value top;
    struct json_fault fault;
    struct text joined = {0};
    if (err) {
        lease_failed(&a->lease, err);
        return;
    }
    struct arena *arena = arena_create(ARENA_BUDGET);
    if (answer->status == 200 && json_parse(answer->body, &top, &fault) && top.kind == JSON_OBJECT) {
        struct trb_slice id = text_at(arena, top, SLICE("AccessKeyId")), secret = text_at(arena, top, SLICE("SecretAccessKey"));
        if (id.len && secret.len)
            keys_join(&joined, id, secret, text_at(arena, top, SLICE("Token")));
        if (joined.len)
            aws_have(a, text_slice(&joined), lifetime(text_at(arena, top, SLICE("Expiration"))));
    }
    if (!joined.len)
        failed(a, TRB_UNAUTHENTICATED, what, answer);
    wiped(&joined);
    arena_destroy(arena);
}

static void on_container(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    on_document(arg, "the container's credentials endpoint", answer, err);
}

/* Only over TLS, or to an address that does not leave the machine. */
static bool is_container_host(const char *url)
{
    static const char *const allowed[] = {"http://127.", "http://localhost/", "http://localhost:", "http://[::1]",
                                          "http://169.254.170.2/", "http://169.254.170.23/", "http://[fd00:ec2::23]/", "https://"};
    for (size_t n = 0; n < sizeof allowed / sizeof *allowed; n++)
        if (!strncasecmp(url, allowed[n], strlen(allowed[n])))
            return true;
    return false;
}

static void ask_container(struct aws *a)
{
    const char *relative = env_of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), *full = env_of("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *path = env_of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), *given = env_of("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct trb_error err = {.size = sizeof err};
    struct text url = {0}, token = {0};
    bool ok = true;
    text_addf(&url, "%s%s", relative ? CONTAINER_HOST : "", relative ? relative : full);
    if (!is_container_host(url.at)) {
        trb_error(&err, TRB_INVALID, "BAD_OPTIONS", "aws: AWS_CONTAINER_CREDENTIALS_FULL_URI leads away from this machine without TLS");
        ok = false;
    } else if (path) {
        ok = small_file_read("aws: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, &token, &err);
    } else {
        text_adds(&token, given ? given : "");
    }
    if (ok) {
        struct trb_slice bare = slice_trim(text_slice(&token));
        struct trb_pair header = {NAME("Authorization"), {bare.at, bare.len}};
        struct http_request r = {.headers = {&header, bare.len ? 1 : 0, sizeof header}};
        ask(a, &r, url.at, true, on_container);
    } else {
        lease_failed(&a->lease, &err);
    }
    small_file_wipe(&token);
    text_fini(&url);
}

static void instance_url(struct text *url, const char *path, struct trb_slice more)
{
    const char *host = env_of("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    size_t len = strlen(host ? host : INSTANCE_HOST);
    while (host && len && host[len - 1] == '/')
        len--;
    text_addf(url, "%.*s%s%.*s", (int)len, host ? host : INSTANCE_HOST, path, SLICE_ARG(more));
}

static void on_instance(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    on_document(arg, "the instance's metadata", answer, err);
}

static void ask_instance(struct aws *a, struct trb_slice role, http_answered *answered)
{
    struct text url = {0};
    struct trb_pair header = {NAME("X-aws-ec2-metadata-token"), {a->metadata_token.at, a->metadata_token.len}};
    struct http_request r = {.headers = {&header, 1, sizeof header}};
    instance_url(&url, INSTANCE_PATH, role);
    ask(a, &r, url.at, true, answered);
    text_fini(&url);
}

static void on_role(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct aws *a = arg;
    struct trb_slice rest = err ? SLICE("") : answer->body, role = slice_trim(slice_split(&rest, '\n'));
    if (err)
        lease_failed(&a->lease, err);
    else if (answer->status != 200 || !role.len)
        failed(a, TRB_UNAUTHENTICATED, "the instance's metadata (it may have no role)", answer);
    else
        ask_instance(a, role, on_instance);
}

static void on_metadata_token(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct aws *a = arg;
    struct trb_error why = {.size = sizeof why};
    small_file_wipe(&a->metadata_token);
    if (err) {
        trb_error(&why, TRB_UNAUTHENTICATED, "NO_CREDENTIALS", "aws: there are no keys in the options, the environment, the shared files, "
                  "a container's endpoint, or the instance's metadata (%.160s)", err->message);
        why.retryable = 1;
        lease_failed(&a->lease, &why);
    } else if (answer->status != 200) {
        failed(a, TRB_UNAUTHENTICATED, "the instance's metadata", answer);
    } else {
        text_add(&a->metadata_token, slice_trim(answer->body));
        ask_instance(a, SLICE(""), on_role);
    }
}

static void begin_instance(struct aws *a)
{
    struct trb_error err = {.size = sizeof err};
    struct text url = {0};
    struct trb_pair header = {NAME("X-aws-ec2-metadata-token-ttl-seconds"), NAME("21600")};
    struct http_request r = {.method = "PUT", .headers = {&header, 1, sizeof header}};
    const char *off = env_of("AWS_EC2_METADATA_DISABLED");
    if (off && !strcasecmp(off, "true")) {
        trb_error(&err, TRB_UNAUTHENTICATED, "NO_CREDENTIALS",
                  "aws: there are no keys in the options, the environment or the shared files");
        lease_failed(&a->lease, &err);
        return;
    }
    instance_url(&url, "/latest/api/token", SLICE(""));
    ask(a, &r, url.at, true, on_metadata_token);
    text_fini(&url);
}

void source_ask(struct aws *a)
{
    if (a->source == SOURCE_WEB_IDENTITY)
        sts_web_identity(a);
    else if (a->source == SOURCE_CONTAINER)
        ask_container(a);
    else
        begin_instance(a);
}

/* --------------------------------------------------------------------------------- token service */
static void sts_url(const struct aws *a, struct text *url)
{
    const char *said = env_of("AWS_ENDPOINT_URL_STS");
    said = said ? said : env_of("AWS_ENDPOINT_URL");
    if (said)
        text_addf(url, "%.*s/", (int)(strlen(said) - (said[strlen(said) - 1] == '/')), said);
    else
        text_addf(url, "https://sts.%s.amazonaws.com%s/", a->region, !strncmp(a->region, "cn-", 3) ? ".cn" : "");
}

static void add_parameter(struct text *t, const char *name, struct trb_slice value)
{
    text_addf(t, "&%s=", name);
    text_add_escaped(t, value, "-_.~");
}

/* What STS gave: keys, or false after the failure has been told. */
static bool read_keys(struct aws *a, const struct http_answer *answer, const struct trb_error *err, struct text *joined,
                      int64_t *ret_life)
{
    if (err) {
        lease_failed(&a->lease, err);
        return false;
    }
    struct arena *arena = arena_create(ARENA_BUDGET);
    struct trb_slice id = xml_find(arena, answer->body, "AccessKeyId"), secret = xml_find(arena, answer->body, "SecretAccessKey");
    bool ok = answer->status == 200 && id.len && secret.len;
    if (ok) {
        keys_join(joined, id, secret, xml_find(arena, answer->body, "SessionToken"));
        *ret_life = lifetime(xml_find(arena, answer->body, "Expiration"));
        mem_wipe((char *)(uintptr_t)secret.at, secret.len);
    } else {
        failed(a, answer->status >= 500 ? TRB_UNAVAILABLE : TRB_UNAUTHENTICATED, "the token service", answer);
    }
    arena_destroy(arena);
    return ok;
}

static void on_assumed(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct aws *a = arg;
    struct text joined = {0};
    int64_t life;
    if (read_keys(a, answer, err, &joined, &life))
        lease_got(&a->lease, text_slice(&joined), life);
    small_file_wipe(&joined);
}

static void on_web_identity(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct aws *a = arg;
    struct text joined = {0};
    int64_t life;
    if (read_keys(a, answer, err, &joined, &life))
        aws_have(a, text_slice(&joined), life);
    small_file_wipe(&joined);
}

#define FORM "application/x-www-form-urlencoded; charset=utf-8"

/* The body must outlive the call, and the call tells when it is over: so both travel together. */
struct form {
    struct aws *aws;
    struct text body;
    http_answered *answered;
};

static void on_form(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct form *f = arg;
    f->answered(f->aws, answer, err);
    small_file_wipe(&f->body);
    mem_free(f);
}

static void post(struct form *f, const char *url, const struct trb_pair *headers, uint32_t count)
{
    struct http_request r = {.url = url, .body = text_slice(&f->body), .headers = {headers, count, sizeof *headers}, .answered = on_form,
                             .arg = f, .secret = true, .repeatable = true, .timeout_ns = STS_NS};
    http_ask(f->aws->http, &r);
}

void sts_assume_role(struct aws *a, struct trb_slice base)
{
    struct sigv4_keys keys = keys_split(base);
    struct form *f = mem_zero(sizeof *f);
    struct text url = {0}, authorization = {0};
    char date[17], hash[SIGV4_HASH];
    int64_t now_s = clock_wall_ns() / 1000000000;
    f->aws = a;
    f->answered = on_assumed;
    sts_url(a, &url);
    text_adds(&f->body, "Action=AssumeRole&Version=2011-06-15");
    add_parameter(&f->body, "RoleArn", slice_of(a->config->role));
    add_parameter(&f->body, "RoleSessionName", slice_of(a->config->session_name));
    sigv4_date(now_s, date);
    sigv4_hash(text_slice(&f->body), hash);
    struct trb_pair headers[4] = {{NAME("Content-Type"), NAME(FORM)}, {NAME("X-Amz-Date"), name_of(date)},
                                  {NAME("X-Amz-Security-Token"), {keys.token.at, keys.token.len}}};
    uint32_t count = keys.token.len ? 3 : 2;
    struct sigv4_request r = {.method = "POST", .url = url.at, .headers = {headers, count, sizeof *headers}, .payload_hash = hash,
                              .region = a->region, .service = "sts", .now_s = now_s};
    sigv4_sign(&keys, &r, &authorization);
    headers[count++] = (struct trb_pair){NAME("Authorization"), {authorization.at, authorization.len}};
    post(f, url.at, headers, count);
    text_fini(&url);
    text_fini(&authorization);
}

void sts_web_identity(struct aws *a)
{
    const char *session = env_of("AWS_ROLE_SESSION_NAME");
    struct trb_error err = {.size = sizeof err};
    struct trb_pair header = {NAME("Content-Type"), NAME(FORM)};
    struct text token = {0}, url = {0};
    if (!small_file_read("aws: AWS_WEB_IDENTITY_TOKEN_FILE", env_of("AWS_WEB_IDENTITY_TOKEN_FILE"), &token, &err)) {
        lease_failed(&a->lease, &err);
        return;
    }
    struct form *f = mem_zero(sizeof *f);
    f->aws = a;
    f->answered = on_web_identity;
    text_adds(&f->body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
    add_parameter(&f->body, "RoleArn", slice_of(env_of("AWS_ROLE_ARN")));
    add_parameter(&f->body, "RoleSessionName", slice_of(session ? session : a->config->session_name));
    add_parameter(&f->body, "WebIdentityToken", slice_trim(text_slice(&token)));
    sts_url(a, &url);
    post(f, url.at, &header, 1);
    small_file_wipe(&token);
    text_fini(&url);
}
