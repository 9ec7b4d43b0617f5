/* bindings.aws.s3: objects of a bucket of Amazon S3, or of what speaks its language. */
#include "s3.h"
#include <arpa/inet.h>
#include <base/mem.h>
#include <base/slice.h>

static const struct trb_option options[] = {
    TRB_STRING(struct s3, bucket, "bucket", .required = 1, .example = "my-bucket", .doc = "Bucket."),
    AWS_OPTIONS(struct s3, config),
    TRB_BOOL(struct s3, path_style, "forcePathStyle", .fallback = "false", .empty_is_absent = 1,
             .doc = "The bucket is part of the path, not of the host's name."),
    TRB_BOOL(struct s3, disable_ssl, "disableSSL", .fallback = "false", .empty_is_absent = 1,
             .doc = "Speak without TLS to an endpoint that names no scheme. Not for production."),
    TRB_BOOL(struct s3, insecure_ssl, "insecureSSL", .fallback = "false", .empty_is_absent = 1,
             .doc = "Do not check the server's certificate. Not for production."),
    TRB_BOOL(struct s3, decode, "decodeBase64", .fallback = "false", .empty_is_absent = 1,
             .doc = "What is created comes as base64 and is stored decoded."),
    TRB_BOOL(struct s3, encode, "encodeBase64", .fallback = "false", .empty_is_absent = 1,
             .doc = "What is got is answered as base64."),
    TRB_STRING(struct s3, file_path, "filePath", .empty_is_absent = 1,
               .doc = "File of the sidecar that create uploads instead of its data."),
    TRB_STRING(struct s3, presign_ttl, "presignTTL", .empty_is_absent = 1, .example = "15m",
               .doc = "How long a URL that is made for an object is good; with it create makes one, too."),
    TRB_STRING(struct s3, storage_class, "storageClass", .empty_is_absent = 1, .example = "STANDARD_IA",
               .doc = "Storage class of what is created."),
    TRB_BYTES(struct s3, max_bytes, "maxSize", .fallback = "100Mi", .max = 1ll << 32, .doc = "Refuse larger objects and files."),
};

/* ------------------------------------------------------------------------------------------- start */
/* A host's name may carry the bucket when it is a name and the bucket is a label of one. */
static bool fits_host(const struct s3 *s, const char *host)
{
    char bare[256];
    unsigned char address[16];
    size_t len = strcspn(host, ":/");
    snprintf(bare, sizeof bare, "%.*s", (int)len, host);
    return !s->path_style && strspn(s->bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s->bucket) && *host != '[' &&
           !inet_pton(AF_INET, bare, address) && strcmp(bare, "localhost");
}

static void find_base(struct s3 *s)
{
    const char *endpoint = s->aws.endpoint, *host = strstr(endpoint, "://") + 3, *scheme = endpoint;
    int scheme_len = (int)(host - endpoint);
    if (s->disable_ssl && (!s->config.endpoint || !strstr(s->config.endpoint, "://"))) {
        scheme = "http://";
        scheme_len = 7;
    }
    if (fits_host(s, host)) {
        text_addf(&s->base, "%.*s%s.%s/", scheme_len, scheme, s->bucket, host);
    } else {
        text_addf(&s->base, "%.*s%s/", scheme_len, scheme, host);
        text_add_escaped(&s->base, slice_of(s->bucket), "-_.~");
        text_addc(&s->base, '/');
    }
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct s3 *s = self;
    struct trb_error err = {.size = sizeof err};
    struct http_setup http = {.host = call->host, .origin = call->origin, .product = "aws s3", .max_answer_bytes = s->max_bytes,
                              .tls = {.skip_verify = s->insecure_ssl}, .timeout_ns = 600000000000, .silence_ns = 30000000000};
    s->host = call->host;
    s->origin = call->origin;
    list_init(&s->jobs);
    s->http = http_create(&http, &err);
    s->has_aws = s->http != NULL;
    if (s->has_aws && aws_start(&s->aws, &s->config, call->host, s->http, "s3", "S3", &err)) {
        find_base(s);
        trb_done(call);
    } else {
        call->host->fail(call, &err);
    }
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct s3 *s = self;
    s->http = http_destroy(s->http);
    if (s->has_aws)
        aws_stop(&s->aws);
    text_fini(&s->base);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------------- verbs */
static const struct {
    const char *name;
    void (*run)(struct s3_job *);
} operations[] = {{"create", op_create}, {"get", op_get}, {"delete", op_delete}, {"list", op_list}, {"presign", op_presign},
                  {"bulkGet", op_bulk_get}, {"bulkCreate", op_bulk_create}, {"bulkDelete", op_bulk_delete}};

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    struct s3 *s = self;
    for (size_t n = 0; n < sizeof operations / sizeof *operations; n++) {
        if (!slice_is(slice_name(q->operation), slice_of(operations[n].name)))
            continue;
        struct s3_job *j = job_create(s, call, q);
        j->decode = meta_truthy(j, "decodeBase64", s->decode);
        j->encode = meta_truthy(j, "encodeBase64", s->encode);
        operations[n].run(j);
        return;
    }
    trb_fail(call, TRB_UNIMPLEMENTED, "NO_OPERATION", "s3 has no operation %s", q->operation.at);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    job_cancel(self, call, why);
}

static const struct trb_bindings_ops ops = {
    .size = sizeof ops, .operations = "create get delete list presign bulkGet bulkCreate bulkDelete", .invoke = invoke};
static const struct trb_component s3 = {
    .size = sizeof s3, .block = "bindings", .type = "bindings.aws.s3", .version = "v1", .summary = "Objects of Amazon S3.",
    .caps = TRB_BINDINGS_OUTPUT, .run = TRB_ON_LOOP, TRB_SELF(struct s3, options),
    .ops = &ops, .start = start, .stop = stop, .cancel = cancel,
};
TRB_PLUGIN("aws-s3", "0.1.0", "Apache-2.0", &s3);
