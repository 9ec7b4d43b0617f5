/* peer_lists: map<string, ListStringValue>: headers, metadata and trailers between sidecars, one entry for each
 * name. */
#include <base/mem.h>
#include <base/slice.h>
#include <channel/peer_codec.h>
#include <stdlib.h>
#include <wire/wire.h>

#define FEW 32u                            /* lines whose names are compared with each other */

struct line {
    struct trb_slice key, value;
    uint32_t at;
};

static bool is_binary(struct trb_slice key)
{
    return slice_ends(key, SLICE("-bin")) || slice_ends(key, SLICE("-Bin"));
}

/* Binary values are base64 with padding between sidecars, without it on the wire; commas part several. */
static void write_value(struct text *t, const struct line *line)
{
    struct trb_slice value = line->value;
    if (!is_binary(line->key)) {
        wire_put_bytes_always(t, 1, value);
        return;
    }
    while (value.at) {
        struct trb_slice one = slice_trim(slice_split(&value, ','));
        size_t pads = one.len && one.at[one.len - 1] != '=' ? (4 - one.len % 4) % 4 : 0, at = wire_begin_short(t, 1);
        text_add(t, one);
        text_add(t, slice_cut(SLICE("==="), pads));
        wire_end_short(t, at);
    }
}

#define SHORT 120u                         /* a name and its only value: every length has one byte */

static bool is_short(const struct line *lines, uint32_t count)
{
    const struct line *l = lines;
    if (!l->key.len || l->key.len > SHORT || l->value.len > SHORT - l->key.len || is_binary(l->key))
        return false;
    for (uint32_t i = 1; i < count; i++)
        if (slice_is(lines[i].key, l->key))
            return false;
    return true;
}

static char *put(char *to, uint32_t number, struct trb_slice bytes)
{
    *to++ = (char)(number << 3 | WIRE_BYTES);
    *to++ = (char)bytes.len;
    return bytes.len ? (char *)memcpy(to, bytes.at, bytes.len) + bytes.len : to;
}

/* As nearly all are: what write_entry writes, without looking for its lengths. */
static void write_short(struct text *t, uint32_t number, const struct line *l)
{
    char *at = text_room(t, 8 + SHORT), *to = at;
    *to++ = (char)(number << 3 | WIRE_BYTES);
    *to++ = (char)(6 + l->key.len + l->value.len);
    to = put(to, 1, l->key);
    *to++ = 2 << 3 | WIRE_BYTES;
    *to++ = (char)(2 + l->value.len);
    to = put(to, 1, l->value);
    text_wrote(t, (size_t)(to - at));
}

/* The first of these lines, and all others of its name. */
static void write_entry(struct text *t, uint32_t number, const struct line *lines, uint32_t count)
{
    if (is_short(lines, count)) {
        write_short(t, number, lines);
        return;
    }
    size_t entry = wire_begin_short(t, number);
    wire_put_bytes(t, 1, lines->key);
    size_t list = wire_begin_short(t, 2);
    for (uint32_t i = 0; i < count; i++)
        if (slice_is(lines[i].key, lines->key))
            write_value(t, &lines[i]);
    wire_end_short(t, list);
    wire_end_short(t, entry);
}

static bool came_before(const struct line *lines, uint32_t i)
{
    for (uint32_t n = 0; n < i; n++)
        if (slice_is(lines[n].key, lines[i].key))
            return true;
    return false;
}

static void write_few(struct text *t, uint32_t number, const struct line *lines, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!came_before(lines, i))
            write_entry(t, number, &lines[i], count - i);
}

static int by_key(const void *one, const void *other)
{
    const struct line *a = one, *b = other;
    size_t common = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = common ? memcmp(a->key.at, b->key.at, common) : 0;
    if (!order)
        order = (a->key.len > b->key.len) - (a->key.len < b->key.len);
    return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* A client may send very many, whose time would grow with their square. */
static void write_many(struct text *t, uint32_t number, struct line *lines, uint32_t count)
{
    qsort(lines, count, sizeof *lines, by_key);
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && slice_is(lines[end].key, lines[i].key);)
            end++;
        write_entry(t, number, &lines[i], end - i);
    }
}

static void fill(struct line *lines, const struct trb_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        lines[i] = (struct line){slice_name(p->key), slice_name(p->value), i};
    }
}

void peer_write_lists(struct text *t, uint32_t number, const struct trb_pairs *pairs)
{
    struct line few[FEW], *many = pairs->count > FEW ? mem_alloc(pairs->count * sizeof *many) : NULL;
    fill(many ? many : few, pairs);
    if (many)
        write_many(t, number, many, pairs->count);
    else
        write_few(t, number, few, pairs->count);
    mem_free(many);
}
