/* Any bytes as an HTTP/1 conversation: no fault, no read beyond the bytes, and the same verdicts
 * whether they come at once or piece by piece. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <net/http1_body.h>
#include <net/http1_head.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEAD 8192u

/* What a reader understood, folded into a number. */
static uint64_t fold(uint64_t sum, const void *at, size_t len)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

struct reader {
    struct http1_body body;
    bool in_body, is_over;
    size_t scanned;
    uint64_t sum;
};

static size_t read_head(struct reader *r, struct trb_slice bytes)
{
    size_t len = http1_head_end(bytes, &r->scanned);
    if (len > MAX_HEAD || (!len && bytes.len >= MAX_HEAD)) {
        r->is_over = true;
        return 0;
    }
    if (!len)
        return 0;
    struct arena *arena = arena_create(1u << 20);
    struct http_head head = {0};
    struct http1_traits traits = {0};
    struct http1_fault fault;
    r->scanned = 0;
    r->is_over = !http1_request_parse(arena, slice_cut(bytes, len), &head, &traits, &fault);
    if (!r->is_over) {
        r->sum = fold(r->sum, head.target.at, head.target.len);
        for (uint32_t i = 0; i < head.headers.count; i++)
            r->sum = fold(r->sum, head.headers.at[i].value.at, head.headers.at[i].value.len);
        uint8_t kind = traits.chunked ? HTTP1_BODY_CHUNKED
                       : head.content_length >= 0 ? HTTP1_BODY_LENGTH
                                                  : HTTP1_BODY_NONE;
        http1_body_begin(&r->body, kind, head.content_length > 0 ? (uint64_t)head.content_length : 0, 4096);
        r->in_body = true;
    }
    arena_destroy(arena);
    return r->is_over ? 0 : len;
}

/* Returns what was used; 0: more is needed, or it is over. */
static size_t read_body(struct reader *r, struct trb_slice bytes)
{
    size_t skip;
    struct trb_slice data;
    int what = http1_body_next(&r->body, bytes, &skip, &data);
    check(skip + data.len <= bytes.len);
    if (what == HTTP1_BODY_BAD)
        r->is_over = true;
    else if (what == HTTP1_BODY_DATA) {
        http1_body_took(&r->body, data.len);
        r->sum = fold(r->sum, data.at, data.len);
    } else if (what == HTTP1_BODY_END)
        r->in_body = false;
    return what == HTTP1_BODY_BAD ? 0 : skip + data.len;
}

static uint64_t read_all(const uint8_t *at, size_t len, size_t step)
{
    struct reader r = {.sum = 14695981039346656037u};
    size_t used = 0;
    for (size_t have = step < len ? step : len; !r.is_over; have = have + step < len ? have + step : len) {
        for (;;) {
            char *copy = malloc(have - used + 1);
            memcpy(copy, at + used, have - used);
            bool was_in_body = r.in_body;
            struct trb_slice bytes = slice_from(copy, have - used);
            size_t n = r.in_body ? read_body(&r, bytes) : bytes.len ? read_head(&r, bytes) : 0;
            free(copy);
            used += n;
            if (r.is_over || (!n && r.in_body == was_in_body))
                break;
        }
        if (have == len)
            break;
    }
    return fold(r.sum, &r.is_over, 1);
}

static void read_answer(const uint8_t *at, size_t len)
{
    size_t scanned = 0;
    struct trb_slice all = slice_from((const char *)at, len);
    size_t end = len ? http1_head_end(all, &scanned) : 0;
    if (!end)
        return;
    struct arena *arena = arena_create(1u << 20);
    struct http_head head = {0};
    struct http1_traits traits = {0};
    struct trb_error err = ERROR_INIT;
    char *copy = malloc(end);
    memcpy(copy, at, end);
    (void)http1_response_parse(arena, slice_from(copy, end), SLICE("GET"), &head, &traits, &err);
    free(copy);
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536 || !size)
        return 0;
    size_t step = data[0] % 64 + 1;
    data++;
    size--;
    uint64_t whole = read_all(data, size, size ? size : 1);
    check(size > 2048 || whole == read_all(data, size, step));
    read_answer(data, size);
    return 0;
}
