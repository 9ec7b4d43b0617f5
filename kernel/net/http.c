/* http: what both versions share: headers, character classes, reasons, the date, warm arenas. */
#include <net/http.h>

#include <base/check.h>
#include <base/clock.h>
#include <base/slice.h>
#include <net/connection.h>
#include <net/http_class.h>
#include <string.h>

/* token: ! # $ % & ' * + - . ^ _ ` | ~ digits letters; host: none of / ? # @ " < > \ ^ ` { | }. */
#define V (CLASS_VALUE | CLASS_TARGET)
#define T (CLASS_TOKEN | V)
#define H CLASS_HOST
const uint8_t http_class[256] = {
    ['\t'] = CLASS_VALUE, [' '] = CLASS_VALUE,
    ['!'] = T | H, ['"'] = V, ['#'] = T, ['$' ... '\''] = T | H, ['(' ... ')'] = V | H, ['*' ... '+'] = T | H,
    [','] = V | H, ['-' ... '.'] = T | H, ['/'] = V, ['0' ... '9'] = T | H, [':' ... ';'] = V | H, ['<'] = V,
    ['='] = V | H, ['>' ... '@'] = V, ['A' ... 'Z'] = T | H, ['['] = V | H, ['\\'] = V, [']'] = V | H, ['^'] = T,
    ['_'] = T | H, ['`'] = T, ['a' ... 'z'] = T | H, ['{'] = V, ['|'] = T, ['}'] = V, ['~'] = T | H,
    [0x80 ... 0xff] = V | H,
};

/* Nearly all are good, so that looking for the end at every byte costs more than reading on. */
static bool is_all(struct trb_slice s, uint8_t class)
{
    const uint8_t *at = (const uint8_t *)s.at, *end = at + s.len;
    for (; end - at >= 4; at += 4)
        class &= http_class[at[0]] & http_class[at[1]] & http_class[at[2]] & http_class[at[3]];
    for (; at < end; at++)
        class &= http_class[*at];
    return class != 0;
}

bool http_is_token(struct trb_slice s)
{
    return s.len && is_all(s, CLASS_TOKEN);
}

bool http_is_field_value(struct trb_slice s)
{
    return !s.len || http_value_end(s.at, s.at + s.len) == s.at + s.len;
}

struct trb_slice http_header_get(const struct http_headers *headers, struct trb_slice name)
{
    for (uint32_t i = 0; headers && i < headers->count; i++)
        if (slice_is_nocase(headers->at[i].name, name))
            return headers->at[i].value;
    return (struct trb_slice){0};
}

void http_headers_grow(struct arena *arena, struct http_headers *headers)
{
    uint32_t room = headers->room ? headers->room * 2 : 8;
    struct http_header *at = arena_alloc(arena, room * sizeof *at);
    if (headers->count)
        memcpy(at, headers->at, headers->count * sizeof *at);
    headers->at = at;
    headers->room = room;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
#define REASON(status, reason) {status, reason},
#include <net/http_reasons.def>
#undef REASON
    };
    for (size_t i = 0; i < countof(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

void exchange_reply(struct exchange *x, struct http_head *head, struct trb_data body)
{
    head->content_length = body.at ? (int64_t)body.len : HTTP_NO_BODY;
    x->ops->respond(x, head);
    if (body.len)
        x->ops->write(x, body);
    x->ops->finish(x, NULL);
}

const struct connection_info *exchange_connection(const struct exchange *x)
{
    return connection_info_of(x->connection);
}

/* The wall clock is asked once a second, not once an answer. */
struct trb_slice http_date(struct loop *loop)
{
    static _Thread_local uint64_t good_until;
    static _Thread_local char text[CLOCK_TEXT];
    uint64_t now = loop_now_ns(loop);
    if (now >= good_until) {
        int64_t wall = clock_wall_ns();
        clock_http_date(wall / (int64_t)CLOCK_S, text);
        good_until = now + CLOCK_S - (uint64_t)(wall % (int64_t)CLOCK_S);
    }
    return slice_from(text, 29);
}

#define KEPT_ARENAS 16
static _Thread_local struct arena *kept[KEPT_ARENAS];
static _Thread_local unsigned kept_count;

struct arena *arena_cache_take(void)
{
    return kept_count ? kept[--kept_count] : arena_create(EXCHANGE_ARENA_BUDGET);
}

void arena_cache_give(struct arena *arena)
{
#ifndef TRB_SANITIZED
    if (kept_count < KEPT_ARENAS) {
        arena_clear(arena);
        kept[kept_count++] = arena;
        return;
    }
#endif
    arena_destroy(arena);
}
