/* words: the small translations between JSON, metadata and names that several files need. */
#include "pubsub_block.h"

void say(const struct trb_kernel *k, uint32_t level, const char *format, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    k->log(level, SCOPE, line);
}

bool app_speaks_grpc(const struct trb_kernel *k)
{
    struct trb_slice protocol = slice_name(k->info->app_protocol);
    return slice_is(protocol, SLICE("grpc")) || slice_is(protocol, SLICE("grpcs"));
}

static struct trb_slice media_type(struct trb_slice content_type)
{
    return slice_trim(slice_split(&content_type, ';'));
}

bool is_cloud_event_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/cloudevents+json"));
}

bool is_json_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/json"));
}

struct trb_slice pair_get(const struct trb_pairs *pairs, const char *key)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (slice_is(slice_name(p->key), slice_of(key)))
            return slice_name(p->value);
    }
    return (struct trb_slice){NULL, 0};
}

struct trb_name name_copy(struct trb_request *rq, struct trb_slice from)
{
    char *at = trb_alloc(rq, from.len + 1);
    if (from.len)
        memcpy(at, from.at, from.len);
    return (struct trb_name){at, from.len};
}

struct trb_name string_copy(struct trb_request *rq, struct json_value v)
{
    if (v.kind != JSON_STRING)
        return (struct trb_name){NULL, 0};
    struct trb_slice inner = slice_from(v.raw.at + 1, v.raw.len - 2);
    if (!memchr(inner.at, '\\', inner.len))
        return name_copy(rq, inner);
    struct arena *scratch = arena_create(SIZE_MAX);
    struct trb_name name = name_copy(rq, json_text(scratch, v));
    arena_destroy(scratch);
    return name;
}

bool boolean_parse(struct trb_slice word, bool *ret_value)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (slice_is(word, slice_of(yes[i])))
            return *ret_value = true;
    *ret_value = false;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (slice_is(word, slice_of(no[i])))
            return true;
    return false;
}

struct trb_name failure_text(struct trb_request *rq, const struct trb_error *err)
{
    return name_copy(rq, err->text ? rq->kernel->host->buf_bytes(err->text) : slice_of(err->message));
}
