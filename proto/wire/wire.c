/* wire: reading and writing protobuf's wire format. */
#include <base/slice.h>
#include <string.h>
#include <wire/wire.h>

static bool long_varint(struct trb_slice *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 10 && i < rest->len; i++) {
        uint8_t byte = (uint8_t)rest->at[i];
        if (i == 9 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *rest = slice_skip(*rest, i + 1);
            *ret = value;
            return true;
        }
    }
    return false;
}

/* Nearly all have one byte. */
static inline bool varint(struct trb_slice *rest, uint64_t *ret)
{
    if (!rest->len || rest->at[0] & 0x80)
        return long_varint(rest, ret);
    *ret = (uint8_t)rest->at[0];
    rest->at++;
    rest->len--;
    return true;
}

bool wire_varint(struct trb_slice *rest, uint64_t *ret)
{
    return varint(rest, ret);
}

bool wire_fixed(struct trb_slice *rest, uint32_t width, uint64_t *ret)
{
    if (rest->len < width)
        return false;
    *ret = 0;
    memcpy(ret, rest->at, width);
    *rest = slice_skip(*rest, width);
    return true;
}

static bool body(struct wire_reader *r, struct wire_field *f)
{
    uint64_t len;
    switch (f->type) {
    case WIRE_VARINT: return varint(&r->rest, &f->value);
    case WIRE_FIXED64: return wire_fixed(&r->rest, 8, &f->value);
    case WIRE_FIXED32: return wire_fixed(&r->rest, 4, &f->value);
    case WIRE_BYTES:
        if (!varint(&r->rest, &len) || len > r->rest.len)
            return false;
        f->bytes = slice_from(r->rest.at, (size_t)len);
        r->rest = slice_skip(r->rest, (size_t)len);
        return true;
    default: return false;
    }
}

/* As nearly all are: a number below 16, and less than 128 bytes, which are there. */
static inline bool short_bytes(struct wire_reader *r, struct wire_field *f)
{
    const uint8_t *at = (const uint8_t *)r->rest.at;
    if (r->rest.len < 2 || (at[0] & 0x87) != WIRE_BYTES || at[0] < 8 || at[1] > 0x7f || at[1] > r->rest.len - 2)
        return false;
    *f = (struct wire_field){at[0] >> 3, WIRE_BYTES, 0, slice_from(r->rest.at + 2, at[1])};
    r->rest = slice_from(r->rest.at + 2 + at[1], r->rest.len - 2 - at[1]);
    return true;
}

static __attribute__((noinline)) bool any_field(struct wire_reader *r, struct wire_field *f)
{
    uint64_t tag = 0;
    memset(f, 0, sizeof *f);
    r->broken = !varint(&r->rest, &tag) || tag >> 32 || !(tag >> 3);
    f->number = (uint32_t)(tag >> 3);
    f->type = tag & 7;
    r->broken = r->broken || !body(r, f);
    return !r->broken;
}

bool wire_next(struct wire_reader *r, struct wire_field *f)
{
    if (r->broken || !r->rest.len)
        return false;
    return short_bytes(r, f) || any_field(r, f);
}

bool wire_map_entry(struct trb_slice entry, struct trb_slice *ret_key, struct wire_field *ret_value)
{
    struct wire_reader r = wire_read(entry);
    struct wire_field f;
    *ret_key = SLICE("");
    memset(ret_value, 0, sizeof *ret_value);
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            *ret_key = f.bytes;
        else if (f.number == 2)
            *ret_value = f;
    }
    return !r.broken;
}

static char *put_varint(char *at, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    return at;
}

#define LONGEST 10u                 /* bytes of a varint */

void wire_put_varint(struct text *t, uint64_t value)
{
    char *at = text_room(t, LONGEST);
    text_wrote(t, (size_t)(put_varint(at, value) - at));
}

void wire_put_tag(struct text *t, uint32_t number, uint32_t type)
{
    wire_put_varint(t, number << 3 | type);
}

void wire_put_fixed(struct text *t, uint32_t width, uint64_t value)
{
    memcpy(text_room(t, width), &value, width);
    text_wrote(t, width);
}

void wire_put_uint(struct text *t, uint32_t number, uint64_t value)
{
    if (!value)
        return;
    char *at = text_room(t, 2 * LONGEST);
    char *end = put_varint(put_varint(at, number << 3 | WIRE_VARINT), value);
    text_wrote(t, (size_t)(end - at));
}

void wire_put_bytes_always(struct text *t, uint32_t number, struct trb_slice bytes)
{
    char *at = text_room(t, 2 * LONGEST + bytes.len);
    char *end = put_varint(put_varint(at, number << 3 | WIRE_BYTES), bytes.len);
    if (bytes.len)
        memcpy(end, bytes.at, bytes.len);
    text_wrote(t, (size_t)(end - at) + bytes.len);
}

void wire_put_bytes(struct text *t, uint32_t number, struct trb_slice bytes)
{
    if (bytes.len)
        wire_put_bytes_always(t, number, bytes);
}

#define KEPT 5u                     /* bytes kept for a length until it is known */

size_t wire_begin(struct text *t, uint32_t number)
{
    char *at = text_room(t, LONGEST + KEPT);
    char *mark = put_varint(at, number << 3 | WIRE_BYTES);
    text_wrote(t, (size_t)(mark - at) + KEPT);
    return t->len - KEPT;
}

/* A short message moves up to its length. A longer one stays, behind a longer form of the same number:
 * legal as well. */
void wire_end(struct text *t, size_t mark)
{
    size_t len = t->len - mark - KEPT;
    char *at = t->at + mark;
    if (len < 0x80) {
        memmove(at + 1, at + KEPT, len + 1);
        t->len -= KEPT - 1;
    } else {
        for (uint32_t i = 0; i < KEPT - 1; i++)
            at[1 + i] = (char)(len >> (7 * (i + 1)) | 0x80);
        at[KEPT - 1] &= 0x7f;
    }
    at[0] = (char)(len < 0x80 ? len : len | 0x80);
}

size_t wire_begin_short(struct text *t, uint32_t number)
{
    char *at = text_room(t, LONGEST + 1);
    char *mark = put_varint(at, number << 3 | WIRE_BYTES);
    text_wrote(t, (size_t)(mark - at) + 1);
    return t->len - 1;
}

void wire_end_short(struct text *t, size_t mark)
{
    size_t len = t->len - mark - 1;
    if (len < 0x80) {
        t->at[mark] = (char)len;
        return;
    }
    char room[LONGEST];
    size_t more = (size_t)(put_varint(room, len) - room) - 1;
    (void)text_room(t, more);
    memmove(t->at + mark + 1 + more, t->at + mark + 1, len + 1);
    memcpy(t->at + mark, room, more + 1);
    t->len += more;
}
