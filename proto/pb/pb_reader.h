/* pb_reader: what reading a message, its lists and its maps share. For pb's own files. */
#ifndef PB_PB_READER_H
#define PB_PB_READER_H

#include <pb/pb_layout.h>
#include <wire/wire.h>

struct reader {
    struct pb_memory memory;
    size_t left;                    /* of the budget */
    uint32_t depth;
};

extern const char pb_broken[], pb_too_big[];

void *reader_take(struct reader *, size_t size);                      /* NULL: the budget is spent */
const char *reader_new_message(struct reader *, const struct pb_type *, void *member);

/* Before the fields are read: room for the elements that will come. counts: PB_LISTS, zero. */
const char *lists_prepare(struct reader *, const struct pb_type *, struct trb_slice message, uint32_t *counts, void *to);
/* Afterwards: each key once, no value missing. */
const char *maps_finish(struct reader *, const struct pb_type *, const uint32_t *counts, void *to);

static inline const struct pb_field *pb_find(const struct pb_type *type, uint32_t number)
{
    if (number <= type->dense)
        return &type->fields[number - 1];
    for (uint32_t i = type->dense; i < type->count; i++)
        if (type->fields[i].number == number)
            return &type->fields[i];
    return NULL;
}

static inline bool pb_is_packed(const struct pb_field *f, const struct wire_field *w)
{
    return f->flags & PB_LIST && w->type == WIRE_BYTES && pb_wire_type(f->kind) != WIRE_BYTES;
}

/* A known number with another wire type is as unknown as any other. */
static inline bool pb_is_known(const struct pb_field *f, const struct wire_field *w)
{
    return f && (w->type == pb_wire_type(f->kind) || pb_is_packed(f, w));
}

static inline bool pb_next_packed(uint32_t kind, struct trb_slice *rest, uint64_t *ret)
{
    return pb_wire_type(kind) == WIRE_VARINT ? wire_varint(rest, ret)
                                             : wire_fixed(rest, kind == PB_FLOAT ? 4 : 8, ret);
}

#endif
