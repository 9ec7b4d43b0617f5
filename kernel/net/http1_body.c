/* http1_body: see http1_body.h. Chunk lines end in CR LF and nothing else: a lone LF there is how
 * requests are smuggled. */
#include <net/http1_body.h>

#include <base/check.h>
#include <base/slice.h>
#include <net/http1_head.h>
#include <net/http_class.h>

#define SIZE 0                      /* hexadecimal digits */
#define EXTENSION 1
#define SIZE_LF 2
#define DATA 3
#define DATA_CR 4
#define DATA_LF 5
#define TRAILERS 6
#define OVER 7

#define MAX_DIGITS 15
#define MAX_LINE 4096u
#define MAX_EXCESS 16384u           /* what lines may cost beyond the data they announce */

void http1_body_begin(struct http1_body *b, uint8_t kind, uint64_t length, uint32_t max_trailers)
{
    *b = (struct http1_body){.kind = kind, .left = kind == HTTP1_BODY_LENGTH ? length : 0,
                             .max_trailers = max_trailers};
}

/* A chunk's line is complete. Tiny chunks with long lines use up a budget. */
static bool line_ends(struct http1_body *b)
{
    uint64_t fair = 16 + 2 * b->left;
    uint64_t excess = b->excess + (uint64_t)b->line;
    b->excess = excess > fair ? (uint32_t)(excess - fair) : 0;
    b->state = b->left ? DATA : TRAILERS;
    return b->excess <= MAX_EXCESS;
}

static bool read_digit(struct http1_body *b, char c)
{
    int value = http_hex(c);
    if (value >= 0) {
        b->left = b->left << 4 | (uint64_t)value;
        return ++b->digits <= MAX_DIGITS;
    }
    b->state = c == ';' ? EXTENSION : SIZE_LF;
    return b->digits > 0 && (c == ';' || c == '\r');
}

static bool read_frame_byte(struct http1_body *b, char c)
{
    b->line++;
    switch (b->state) {
    case SIZE:
        return read_digit(b, c);
    case EXTENSION:
        if (c == '\r')
            b->state = SIZE_LF;
        return (c == '\r' || http_is(c, CLASS_VALUE)) && b->line <= MAX_LINE;
    case SIZE_LF:
        return c == '\n' && line_ends(b);
    case DATA_CR:
        b->state = DATA_LF;
        return c == '\r';
    default:
        b->state = SIZE;
        b->digits = 0;
        b->line = 0;
        return c == '\n';
    }
}

static int read_trailers(struct http1_body *b, struct trb_slice rest, struct trb_slice *ret_data)
{
    size_t scanned = 0, len = 0;
    if (rest.len >= 2 && rest.at[0] == '\r' && rest.at[1] == '\n') {
        b->state = OVER;
        *ret_data = slice_from(rest.at, 2);
        return HTTP1_BODY_END;
    }
    if (rest.len && !http_is(rest.at[0], CLASS_TOKEN) && rest.at[0] != '\r')
        return HTTP1_BODY_BAD;
    if (rest.len >= 2 && rest.at[0] == '\r')
        return HTTP1_BODY_BAD;
    len = http1_head_end(rest, &scanned);
    if (len > b->max_trailers || (!len && rest.len >= b->max_trailers))
        return HTTP1_BODY_BAD;
    if (!len)
        return HTTP1_BODY_MORE;
    b->state = OVER;
    *ret_data = slice_cut(rest, len);
    return HTTP1_BODY_END;
}

static int next_chunked(struct http1_body *b, struct trb_slice bytes, size_t *ret_skip,
                        struct trb_slice *ret_data)
{
    size_t i = 0;
    while (i < bytes.len && b->state != DATA && b->state != TRAILERS)
        if (!read_frame_byte(b, bytes.at[i++]))
            return HTTP1_BODY_BAD;
    *ret_skip = i;
    struct trb_slice rest = slice_skip(bytes, i);
    if (b->state == TRAILERS)
        return read_trailers(b, rest, ret_data);
    if (b->state != DATA || !rest.len)
        return HTTP1_BODY_MORE;
    *ret_data = slice_cut(rest, rest.len < b->left ? rest.len : (size_t)b->left);
    return HTTP1_BODY_DATA;
}

int http1_body_next(struct http1_body *b, struct trb_slice bytes, size_t *ret_skip,
                    struct trb_slice *ret_data)
{
    *ret_skip = 0;
    *ret_data = (struct trb_slice){"", 0};
    if (b->kind == HTTP1_BODY_CHUNKED)
        return b->state == OVER ? HTTP1_BODY_END : next_chunked(b, bytes, ret_skip, ret_data);
    if (b->kind == HTTP1_BODY_NONE || (b->kind == HTTP1_BODY_LENGTH && !b->left))
        return HTTP1_BODY_END;
    if (!bytes.len)
        return HTTP1_BODY_MORE;
    bool is_long = b->kind == HTTP1_BODY_TO_EOF || bytes.len < b->left;
    *ret_data = slice_cut(bytes, is_long ? bytes.len : (size_t)b->left);
    return HTTP1_BODY_DATA;
}

void http1_body_took(struct http1_body *b, size_t n)
{
    if (b->kind == HTTP1_BODY_TO_EOF)
        return;
    check(n <= b->left);
    b->left -= n;
    if (b->kind == HTTP1_BODY_CHUNKED && !b->left)
        b->state = DATA_CR;
}
