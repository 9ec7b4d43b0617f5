/* trace: W3C trace context, ids and the sampling decision. No spans, no exporters. */
#include <base/codec.h>
#include <base/slice.h>
#include <observe/trace.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct trb_slice from, uint8_t *ret, size_t bytes)
{
    if (from.len != bytes * 2)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_value(from.at[2 * i]), low = hex_value(from.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *at, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= at[i];
    return !any;
}

bool trace_is_valid(const struct trace_context *c)
{
    return !is_zero(c->trace_id, sizeof c->trace_id) && !is_zero(c->span_id, sizeof c->span_id);
}

/* Version 00 has four parts and no more; a later version may have more, ff is none. */
bool trace_parse(struct trb_slice text, struct trace_context *ret_context)
{
    struct trace_context c;
    uint8_t version;
    if (slice_is(text, SLICE(TRACE_NONE)))
        return false;               /* what sidecars say when nothing is traced: often */
    if (!text.at || !read_hex(slice_split(&text, '-'), &version, 1) || version == 0xff)
        return false;
    if (!text.at || !read_hex(slice_split(&text, '-'), c.trace_id, sizeof c.trace_id))
        return false;
    if (!text.at || !read_hex(slice_split(&text, '-'), c.span_id, sizeof c.span_id))
        return false;
    if (!text.at || !read_hex(slice_split(&text, '-'), &c.flags, 1))
        return false;
    if ((version == 0 && text.at) || !trace_is_valid(&c))
        return false;
    *ret_context = c;
    return true;
}

static char *put_hex(char *to, const uint8_t *at, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *to++ = digits[at[i] >> 4];
        *to++ = digits[at[i] & 15];
    }
    return to;
}

void trace_text(const struct trace_context *c, char ret_text[TRACE_PARENT_LEN + 1])
{
    char *to = ret_text;
    *to++ = '0';
    *to++ = '0';
    *to++ = '-';
    to = put_hex(to, c->trace_id, sizeof c->trace_id);
    *to++ = '-';
    to = put_hex(to, c->span_id, sizeof c->span_id);
    *to++ = '-';
    to = put_hex(to, &c->flags, 1);
    *to = '\0';
}

/* Field 0: trace id, 1: span id, 2: flags, in this order; flags may be missing. */
bool trace_parse_bin(struct trb_slice bytes, struct trace_context *ret_context)
{
    struct trace_context c = {.flags = 0};
    const char *at = bytes.at;
    if (!at || bytes.len < 27 || at[0] != 0 || at[1] != 0 || at[18] != 1)
        return false;
    memcpy(c.trace_id, at + 2, sizeof c.trace_id);
    memcpy(c.span_id, at + 19, sizeof c.span_id);
    if (bytes.len >= TRACE_BIN_LEN && at[27] == 2)
        c.flags = (uint8_t)at[28];
    if (!trace_is_valid(&c))
        return false;
    *ret_context = c;
    return true;
}

void trace_bin(const struct trace_context *c, char ret_bytes[TRACE_BIN_LEN])
{
    ret_bytes[0] = 0;
    ret_bytes[1] = 0;
    memcpy(ret_bytes + 2, c->trace_id, sizeof c->trace_id);
    ret_bytes[18] = 1;
    memcpy(ret_bytes + 19, c->span_id, sizeof c->span_id);
    ret_bytes[27] = 2;
    ret_bytes[28] = (char)c->flags;
}

/* Ids need to be unlike each other, not secret: xorshift from a seed that the system gave. */
static uint64_t next_number(void)
{
    static __thread uint64_t state[2];
    if (!state[0] && !state[1])
        random_bytes(state, sizeof state);
    uint64_t a = state[0], b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return state[1] + b;
}

static void fill(uint8_t *at, size_t len)
{
    do {
        for (size_t i = 0; i < len; i += 8) {
            uint64_t number = next_number();
            memcpy(at + i, &number, 8);
        }
    } while (is_zero(at, len));
}

void trace_new_span(struct trace_context *c)
{
    fill(c->span_id, sizeof c->span_id);
}

/* Decided by the trace id, so that every hop of a new trace would decide alike. */
static bool is_sampled(const struct trace_context *c, double rate)
{
    uint64_t number;
    memcpy(&number, c->trace_id + 8, 8);
    if (rate >= 1)
        return true;
    return rate > 0 && (double)(number >> 1) < rate * 9223372036854775808.0;
}

struct trace_context trace_begin(const struct trace_setup *setup, const struct trace_context *parent)
{
    bool has_parent = parent && trace_is_valid(parent);
    struct trace_context c = {.flags = 0};
    if (has_parent)
        c = *parent;
    if (!setup->is_on || !setup->has_provider)
        return c;
    if (!has_parent) {
        fill(c.trace_id, sizeof c.trace_id);
        c.flags = is_sampled(&c, setup->rate) ? TRACE_SAMPLED : 0;
    }
    trace_new_span(&c);
    return c;
}
