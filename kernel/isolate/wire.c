/* wire: every field in its order, without padding. A text is its length and one more (0: absent), its
 * bytes and a NUL; what there are several of begins with their count and one more. */
#include <base/buf.h>
#include <base/mem.h>
#include <isolate/wire.h>
#include <string.h>

#define LENGTH sizeof(uint32_t)

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
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

/* The field as its writer knew it; zeroes stand for what came later. */
static const void *field_of(const struct trb_field *f, const void *value, size_t size)
{
    static const uint64_t zeroes[4];
    return f->offset + width_of(f->kind) <= size ? (const char *)value + f->offset : (const void *)zeroes;
}

static size_t element_size(const struct trb_list *list, uint32_t i)
{
    uint32_t size = *(const uint32_t *)trb_list_at(list, i);
    return size < list->stride ? size : list->stride;
}

/* ------------------------------------------------------------------------------------ measuring */
static size_t text_size(const char *at, size_t len)
{
    return at ? LENGTH + len + 1 : LENGTH;
}

static size_t pairs_size(const struct trb_pairs *pairs)
{
    size_t total = LENGTH;
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        total += text_size(p->key.at, p->key.len) + text_size(p->value.at, p->value.len);
    }
    return total;
}

static size_t list_size(const struct trb_layout *of, const struct trb_list *list)
{
    size_t total = LENGTH;
    for (uint32_t i = 0; i < list->count; i++)
        total += wire_measure(of, trb_list_at(list, i), element_size(list, i));
    return total;
}

static size_t field_size(const struct trb_field *f, const void *at)
{
    const struct trb_slice *text = at;                 /* a name and a body begin as one */
    switch (f->kind) {
    case TRB_FIELD_NAME:
    case TRB_FIELD_SLICE:
    case TRB_FIELD_DATA: return text_size(text->at, text->len);
    case TRB_FIELD_PAIRS: return pairs_size(at);
    case TRB_FIELD_LIST: return list_size(f->of, at);
    default: return width_of(f->kind);
    }
}

size_t wire_measure(const struct trb_layout *layout, const void *value, size_t size)
{
    size_t total = 0;
    for (uint32_t i = 0; i < layout->field_count; i++)
        total += field_size(&layout->fields[i], field_of(&layout->fields[i], value, size));
    return total;
}

/* -------------------------------------------------------------------------------------- writing */
static char *put_u32(char *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static char *put_text(char *to, const char *at, size_t len)
{
    if (!at)
        return put_u32(to, 0);
    to = put_u32(to, (uint32_t)len + 1);
    if (len)
        memcpy(to, at, len);
    to[len] = 0;
    return to + len + 1;
}

static char *put_pairs(char *to, const struct trb_pairs *pairs)
{
    to = put_u32(to, pairs->at ? pairs->count + 1 : 0);
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        to = put_text(to, p->key.at, p->key.len);
        to = put_text(to, p->value.at, p->value.len);
    }
    return to;
}

static char *put_list(char *to, const struct trb_layout *of, const struct trb_list *list)
{
    to = put_u32(to, list->at ? list->count + 1 : 0);
    for (uint32_t i = 0; i < list->count; i++)
        to = wire_put(of, trb_list_at(list, i), element_size(list, i), to);
    return to;
}

static char *put_field(char *to, const struct trb_field *f, const void *at)
{
    const struct trb_slice *text = at;
    switch (f->kind) {
    case TRB_FIELD_NAME:
    case TRB_FIELD_SLICE:
    case TRB_FIELD_DATA: return put_text(to, text->at, text->len);
    case TRB_FIELD_PAIRS: return put_pairs(to, at);
    case TRB_FIELD_LIST: return put_list(to, f->of, at);
    default: memcpy(to, at, width_of(f->kind)); return to + width_of(f->kind);
    }
}

char *wire_put(const struct trb_layout *layout, const void *value, size_t size, char *at)
{
    for (uint32_t i = 0; i < layout->field_count; i++)
        at = put_field(at, &layout->fields[i], field_of(&layout->fields[i], value, size));
    return at;
}

/* -------------------------------------------------------------------------------------- reading */
/* Walked twice: without room everything is checked and counted, with room it is filled in. */
struct reader {
    const char *at, *end;
    char *room;
    size_t need;
    struct trb_buf *owner;
    bool is_given, is_bad;
};

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static uint32_t read_u32(struct reader *r)
{
    uint32_t value = 0;
    r->is_bad |= left(r) < sizeof value;
    if (r->is_bad)
        return 0;
    memcpy(&value, r->at, sizeof value);
    r->at += sizeof value;
    return value;
}

static struct trb_slice read_text(struct reader *r)
{
    uint32_t len = read_u32(r);
    if (!len)
        return (struct trb_slice){0};
    r->is_bad |= len > left(r) || r->at[len - 1];
    if (r->is_bad)
        return (struct trb_slice){0};
    const char *at = r->at;
    r->at += len;
    return (struct trb_slice){at, len - 1};
}

/* Room for what the value points to; NULL while it is only counted. */
static void *carve(struct reader *r, size_t size)
{
    char *at = r->room;
    r->need += padded(size);
    if (at)
        r->room += padded(size);
    return at;
}

/* How many there are: never more than the bytes behind could hold. */
static uint32_t read_count(struct reader *r, size_t least)
{
    uint32_t count = read_u32(r);
    r->is_bad |= count && (!least || (count - 1) > left(r) / least);
    return r->is_bad ? 0 : count;
}

/* Half a pair is never absent: readers compare it as a text. */
static struct trb_name read_half(struct reader *r)
{
    struct trb_slice text = read_text(r);
    return (struct trb_name){text.at ? text.at : "", text.len};
}

static void read_pairs(struct reader *r, struct trb_pairs *to)
{
    uint32_t count = read_count(r, 2 * LENGTH);
    if (!count--)
        return;
    struct trb_pair *pairs = carve(r, (count + 1) * sizeof *pairs);
    for (uint32_t i = 0; i < count && !r->is_bad; i++) {
        struct trb_pair p = {read_half(r), {0}};
        p.value = read_half(r);
        if (pairs)
            pairs[i] = p;
    }
    if (to)
        *to = (struct trb_pairs){pairs, count, sizeof *pairs};
}

static size_t least_size(const struct trb_layout *layout)
{
    size_t total = 0;
    for (uint32_t i = 0; i < layout->field_count; i++) {
        uint32_t kind = layout->fields[i].kind;
        total += kind == TRB_FIELD_U64 || kind == TRB_FIELD_I64 ? sizeof(uint64_t) : LENGTH;
    }
    return total;
}

static void read_fields(struct reader *, const struct trb_layout *, char *to);

static void read_list(struct reader *r, const struct trb_layout *of, struct trb_list *to)
{
    uint32_t count = read_count(r, least_size(of));
    size_t stride = padded(of->size);
    if (!count--)
        return;
    char *elements = carve(r, count * stride + 1);
    for (uint32_t i = 0; i < count && !r->is_bad; i++)
        read_fields(r, of, elements ? elements + i * stride : NULL);
    if (to)
        *to = (struct trb_list){elements, count, (uint32_t)stride};
}

static void read_data(struct reader *r, struct trb_data *to)
{
    struct trb_slice text = read_text(r);
    if (to && text.at)
        *to = (struct trb_data){text.at, text.len, r->is_given ? buf_ref(r->owner) : r->owner};
}

static void read_number(struct reader *r, void *to, size_t width)
{
    r->is_bad |= left(r) < width;
    if (r->is_bad)
        return;
    if (to)
        memcpy(to, r->at, width);
    r->at += width;
}

static void read_field(struct reader *r, const struct trb_field *f, void *to)
{
    struct trb_slice text;
    switch (f->kind) {
    case TRB_FIELD_NAME:
    case TRB_FIELD_SLICE:
        text = read_text(r);
        if (to)
            *(struct trb_slice *)to = text;
        break;
    case TRB_FIELD_DATA: read_data(r, to); break;
    case TRB_FIELD_PAIRS: read_pairs(r, to); break;
    case TRB_FIELD_LIST: read_list(r, f->of, to); break;
    default: read_number(r, to, width_of(f->kind));
    }
}

static void read_fields(struct reader *r, const struct trb_layout *layout, char *to)
{
    if (to) {
        memset(to, 0, layout->size);
        *(uint32_t *)(void *)to = layout->size;
    }
    for (uint32_t i = 0; i < layout->field_count && !r->is_bad; i++)
        read_field(r, &layout->fields[i], to ? to + layout->fields[i].offset : NULL);
}

void *wire_take(const struct trb_layout *layout, struct trb_slice *bytes, struct trb_buf *owner, bool is_given)
{
    const char *from = bytes->at ? bytes->at : "";
    struct reader r = {.at = from, .end = from + bytes->len, .owner = owner, .is_given = is_given};
    carve(&r, layout->size);
    read_fields(&r, layout, NULL);
    if (r.is_bad)
        return NULL;
    char *value = mem_alloc(r.need);
    struct reader again = {.at = from, .end = r.end, .room = value, .owner = owner, .is_given = is_given};
    carve(&again, layout->size);
    read_fields(&again, layout, value);
    *bytes = (struct trb_slice){again.at, left(&again)};
    return value;
}
