/* words: see words.h. */
#include <base/slice.h>
#include <string.h>
#include <words/words.h>

void say_in(const struct trb_kernel *k, const char *scope, uint32_t level, const char *format, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    k->log(level, scope, line);
}

bool app_speaks_grpc(const struct trb_kernel *k)
{
    struct trb_slice protocol = slice_name(k->info->app_protocol);
    return slice_is(protocol, SLICE("grpc")) || slice_is(protocol, SLICE("grpcs"));
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

struct trb_slice component_said(struct trb_request *rq, const struct trb_error *err)
{
    return err->text ? rq->kernel->host->buf_bytes(err->text) : slice_of(err->message);
}

struct trb_name component_text(struct trb_request *rq, const struct trb_error *err)
{
    return name_copy(rq, component_said(rq, err));
}
