/* copy: a deep copy by layout in two passes: measure, then fill. */
#include <base/buf.h>
#include <base/check.h>
#include <base/mem.h>
#include <plugin/copy.h>
#include <string.h>

#define ALIGN 8u

static size_t padded(size_t n)
{
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static size_t measure_pairs(const struct trb_pairs *pairs)
{
    size_t total = padded(pairs->count * sizeof(struct trb_pair));
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        total += p->key.len + 1 + p->value.len + 1;
    }
    return padded(total);
}

/* The field as the other side wrote it, or NULL when its struct ended earlier. */
static const void *field_of(const struct trb_field *f, const void *value, size_t size, size_t width)
{
    return f->offset + width <= size ? (const char *)value + f->offset : NULL;
}

static size_t width_of(uint32_t kind)
{
    switch (kind) {
    case TRB_FIELD_NAME:
    case TRB_FIELD_SLICE: return sizeof(struct trb_slice);
    case TRB_FIELD_DATA: return sizeof(struct trb_data);
    case TRB_FIELD_PAIRS: return sizeof(struct trb_pairs);
    case TRB_FIELD_LIST: return sizeof(struct trb_list);
    case TRB_FIELD_U32: return sizeof(uint32_t);
    default: return sizeof(uint64_t);
    }
}

/* An element's own size says how much of it the other side knew. */
static size_t element_size(const struct trb_list *list, uint32_t i)
{
    uint32_t size = *(const uint32_t *)trb_list_at(list, i);
    return size < list->stride ? size : list->stride;
}

static size_t measure_list(const struct trb_layout *of, const struct trb_list *list)
{
    size_t total = 0;
    for (uint32_t i = 0; i < list->count; i++)
        total += copy_measure(of, trb_list_at(list, i), element_size(list, i));
    return total;
}

static size_t measure_field(const struct trb_field *f, const void *at)
{
    switch (f->kind) {
    case TRB_FIELD_LIST: return measure_list(f->of, at);
    case TRB_FIELD_NAME:
    case TRB_FIELD_SLICE: return padded(((const struct trb_slice *)at)->len + 1);
    case TRB_FIELD_PAIRS: return measure_pairs(at);
    default: return 0;
    }
}

size_t copy_measure(const struct trb_layout *layout, const void *value, size_t size)
{
    size_t total = padded(layout->size);
    for (uint32_t i = 0; value && i < layout->field_count; i++) {
        const struct trb_field *f = &layout->fields[i];
        const void *at = field_of(f, value, size, width_of(f->kind));
        if (at)
            total += measure_field(f, at);
    }
    return total;
}

static struct trb_slice put_text(char **room, struct trb_slice from)
{
    if (!from.at)
        return from;
    char *to = *room;
    memcpy(to, from.at, from.len);
    to[from.len] = 0;
    *room += from.len + 1;
    return (struct trb_slice){to, from.len};
}

static char *aligned(char *at)
{
    return (char *)padded((size_t)at);
}

static void put_pairs(char **room, const struct trb_pairs *from, struct trb_pairs *to)
{
    struct trb_pair *pairs = (struct trb_pair *)(void *)*room;
    *room += padded(from->count * sizeof *pairs);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        struct trb_slice key = put_text(room, (struct trb_slice){p->key.at, p->key.len});
        struct trb_slice text = put_text(room, (struct trb_slice){p->value.at, p->value.len});
        pairs[i] = (struct trb_pair){{key.at, key.len}, {text.at, text.len}};
    }
    *room = aligned(*room);
    *to = (struct trb_pairs){from->at ? pairs : NULL, from->count, sizeof *pairs}; /* empty is not absent */
}

static void put_data(const struct trb_data *from, struct trb_data *to)
{
    *to = *from;
    if (from->at && !from->owner) {
        to->owner = buf_copy((struct trb_slice){from->at, from->len});
        to->at = buf_bytes(to->owner).at;
    }
}

static char *put_fields(const struct trb_layout *, const void *value, size_t size, void *to, char *room);

/* The elements side by side, then what they point to. */
static void put_list(const struct trb_layout *of, const struct trb_list *from, struct trb_list *to, char **room)
{
    size_t stride = padded(of->size);
    char *elements = *room;
    *room += from->count * stride;
    for (uint32_t i = 0; i < from->count; i++)
        *room = put_fields(of, trb_list_at(from, i), element_size(from, i), elements + i * stride, *room);
    *to = (struct trb_list){from->at ? elements : NULL, from->count, (uint32_t)stride};
}

static void put_field(const struct trb_field *f, const void *from, void *to, char **room)
{
    switch (f->kind) {
    case TRB_FIELD_NAME:
    case TRB_FIELD_SLICE:
        *(struct trb_slice *)to = put_text(room, *(const struct trb_slice *)from);
        *room = aligned(*room);
        break;
    case TRB_FIELD_PAIRS: put_pairs(room, from, to); break;
    case TRB_FIELD_DATA: put_data(from, to); break;
    case TRB_FIELD_LIST: put_list(f->of, from, to, room); break;
    default: memcpy(to, from, width_of(f->kind));
    }
}

static char *put_fields(const struct trb_layout *layout, const void *value, size_t size, void *to, char *room)
{
    memset(to, 0, layout->size);
    *(uint32_t *)to = layout->size;
    for (uint32_t i = 0; value && i < layout->field_count; i++) {
        const struct trb_field *f = &layout->fields[i];
        const void *from = field_of(f, value, size, width_of(f->kind));
        if (from)
            put_field(f, from, (char *)to + f->offset, &room);
    }
    return room;
}

void *copy_into(const struct trb_layout *layout, const void *value, size_t size, void *at)
{
    put_fields(layout, value, size, at, (char *)at + padded(layout->size));
    return at;
}

static void wipe_pairs(struct trb_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        mem_wipe((char *)(uintptr_t)pairs->at[i].value.at, pairs->at[i].value.len);
}

static void release_field(const struct trb_field *f, void *at, bool wipe)
{
    struct trb_list *list = at;
    struct trb_data *data = at;
    struct trb_slice *text = at;
    switch (f->kind) {
    case TRB_FIELD_DATA:
        data->owner = buf_unref(data->owner);
        data->at = NULL;
        break;
    case TRB_FIELD_LIST:
        for (uint32_t i = 0; i < list->count; i++)
            copy_release(f->of, (void *)(uintptr_t)trb_list_at(list, i), wipe);
        break;
    case TRB_FIELD_PAIRS:
        if (wipe)
            wipe_pairs(at);
        break;
    case TRB_FIELD_SLICE:
        if (wipe && text->at)
            mem_wipe((char *)(uintptr_t)text->at, text->len);
        break;
    default: break;
    }
}

void copy_release(const struct trb_layout *layout, void *copy, bool wipe)
{
    for (uint32_t i = 0; copy && i < layout->field_count; i++)
        release_field(&layout->fields[i], (char *)copy + layout->fields[i].offset, wipe);
}
