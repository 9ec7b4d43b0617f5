/* wire: protobuf's wire format, read without copying and written into a text. Knows no message.
 *
 * Strict and bounded: a field that runs over its message, a varint beyond ten bytes, a group or a
 * field number 0 is refused. Depth is the reader's own: one call per nested message. [any] */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define WIRE_VARINT 0u
#define WIRE_FIXED64 1u
#define WIRE_BYTES 2u
#define WIRE_FIXED32 5u

struct wire_field {
    uint32_t number, type;
    uint64_t value;              /* VARINT, FIXED64, FIXED32 */
    struct trb_slice bytes;      /* BYTES */
};

struct wire_reader {
    struct trb_slice rest;
    bool broken;
};

static inline struct wire_reader wire_read(struct trb_slice message)
{
    return (struct wire_reader){.rest = message};
}

/* false: the end, or broken. Unknown fields are the caller's to skip. */
bool wire_next(struct wire_reader *, struct wire_field *ret_field);

/* One entry of a map<string, …>: key and the raw value (bytes). */
bool wire_map_entry(struct trb_slice entry, struct trb_slice *ret_key, struct wire_field *ret_value);

/* The pieces of a packed list. */
bool wire_varint(struct trb_slice *rest, uint64_t *ret_value);
bool wire_fixed(struct trb_slice *rest, uint32_t width, uint64_t *ret_value);

void wire_put_varint(struct text *, uint64_t value);
void wire_put_tag(struct text *, uint32_t number, uint32_t type);
void wire_put_fixed(struct text *, uint32_t width, uint64_t value);            /* 4 or 8 bytes */
void wire_put_uint(struct text *, uint32_t number, uint64_t value);            /* 0 is left out */
void wire_put_bytes(struct text *, uint32_t number, struct trb_slice bytes);   /* empty is left out */
void wire_put_bytes_always(struct text *, uint32_t number, struct trb_slice bytes);
/* A nested message: the mark is where it began; end writes its length in front of it. A short one is expected to have
 * less than 128 bytes; a longer one is moved. */
size_t wire_begin(struct text *, uint32_t number);
void wire_end(struct text *, size_t mark);
size_t wire_begin_short(struct text *, uint32_t number);
void wire_end_short(struct text *, size_t mark);

#endif
