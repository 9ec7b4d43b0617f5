/* wire: reading and writing protobuf's wire format. */
#include <base/slice.h>
#include <string.h>
#include <wire/wire.h>

static bool varint(struct trb_slice *rest, uint64_t *ret)
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

static bool fixed(struct trb_slice *rest, uint32_t width, uint64_t *ret)
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
    case WIRE_FIXED64: return fixed(&r->rest, 8, &f->value);
    case WIRE_FIXED32: return fixed(&r->rest, 4, &f->value);
    case WIRE_BYTES:
        if (!varint(&r->rest, &len) || len > r->rest.len)
            return false;
        f->bytes = slice_from(r->rest.at, (size_t)len);
        r->rest = slice_skip(r->rest, (size_t)len);
        return true;
    default: return false;
    }
}

bool wire_next(struct wire_reader *r, struct wire_field *f)
{
    uint64_t tag;
    if (r->broken || !r->rest.len)
        return false;
    memset(f, 0, sizeof *f);
    r->broken = !varint(&r->rest, &tag) || tag >> 32 || !(tag >> 3);
    f->number = (uint32_t)(tag >> 3);
    f->type = tag & 7;
    r->broken = r->broken || !body(r, f);
    return !r->broken;
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

void wire_put_varint(struct text *t, uint64_t value)
{
    char bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    text_add(t, slice_from(bytes, n));
}

void wire_put_uint(struct text *t, uint32_t number, uint64_t value)
{
    if (!value)
        return;
    wire_put_varint(t, number << 3 | WIRE_VARINT);
    wire_put_varint(t, value);
}

void wire_put_bytes_always(struct text *t, uint32_t number, struct trb_slice bytes)
{
    wire_put_varint(t, number << 3 | WIRE_BYTES);
    wire_put_varint(t, bytes.len);
    text_add(t, bytes);
}

void wire_put_bytes(struct text *t, uint32_t number, struct trb_slice bytes)
{
    if (bytes.len)
        wire_put_bytes_always(t, number, bytes);
}

/* Five bytes are kept for the length, a longer form of the same number: legal, and nothing moves. */
size_t wire_begin(struct text *t, uint32_t number)
{
    wire_put_varint(t, number << 3 | WIRE_BYTES);
    size_t mark = t->len;
    text_add(t, slice_from("\x80\x80\x80\x80\x00", 5));
    return mark;
}

void wire_end(struct text *t, size_t mark)
{
    size_t len = t->len - mark - 5;
    for (uint32_t i = 0; i < 5; i++)
        t->at[mark + i] = (char)(((len >> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0));
}
