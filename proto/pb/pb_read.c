/* pb_read: protobuf's wire format into a struct, by a table. */
#include <base/slice.h>
#include <pb/pb_reader.h>
#include <string.h>

const char pb_broken[] = "proto: cannot parse invalid wire-format data";
static const char bad_text[] = "string field contains invalid UTF-8";
static const char too_deep[] = "proto: exceeded maximum recursion depth";
const char pb_too_big[] = "proto: message asks for more memory than its length allows";

static const char *read_into(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to);

void *reader_take(struct reader *r, size_t size)
{
    if (size > r->left)
        return NULL;
    r->left -= size;
    return r->memory.alloc(r->memory.arg, size ? size : 1);
}

/* What absence looks like: an empty string, and a stride. The rest is zero. */
static void set_absent(const struct pb_field *f, void *member)
{
    if (f->flags & PB_PAIRS)
        *(struct trb_pairs *)member = (struct trb_pairs){.stride = sizeof(struct trb_pair)};
    else if (f->kind == PB_STRING && !(f->flags & (PB_LIST | PB_PRESENT)))
        *(struct trb_name *)member = NAME("");
}

static void set_all_absent(const struct pb_type *type, void *to)
{
    for (uint32_t i = 0; i < type->count; i++)
        set_absent(&type->fields[i], pb_member(&type->fields[i], to));
}

static void clear_others(const struct pb_type *type, const struct pb_field *chosen, void *to)
{
    for (uint32_t i = 0; i < type->count; i++) {
        const struct pb_field *f = &type->fields[i];
        if (f->oneof != chosen->oneof || f == chosen)
            continue;
        memset(pb_member(f, to), 0, pb_width(f));
        if (f->has)
            *pb_has(f, to) = false;
    }
}

/* ------------------------------------------------------------------------------------- values */
static void read_number(uint32_t kind, uint64_t value, void *to)
{
    switch (kind) {
    case PB_BOOL: *(bool *)to = value != 0; break;
    case PB_INT32:
    case PB_UINT32:
    case PB_FLOAT: memcpy(to, &(uint32_t){(uint32_t)value}, 4); break;
    default: memcpy(to, &value, 8);
    }
}

static const char *read_string(struct reader *r, struct trb_slice bytes, struct trb_name *to)
{
    *to = NAME("");
    if (!bytes.len)
        return NULL;
    if (!slice_is_utf8(bytes))
        return bad_text;
    char *copy = reader_take(r, bytes.len + 1);
    if (!copy)
        return pb_too_big;
    memcpy(copy, bytes.at, bytes.len);
    *to = (struct trb_name){copy, bytes.len};
    return NULL;
}

/* Two encodings one after the other are one message, merged. */
static const char *append_raw(struct reader *r, struct trb_slice bytes, struct trb_slice *to)
{
    char *both = reader_take(r, to->len + bytes.len);
    if (!both)
        return pb_too_big;
    memcpy(both, to->at, to->len);
    memcpy(both + to->len, bytes.at, bytes.len);
    *to = slice_from(both, to->len + bytes.len);
    return NULL;
}

static const char *read_bytes(struct reader *r, const struct pb_field *f, struct trb_slice bytes, struct trb_slice *to)
{
    if (f->flags & PB_RAW && to->len)
        return append_raw(r, bytes, to);
    *to = bytes;
    return NULL;
}

const char *reader_new_message(struct reader *r, const struct pb_type *type, void *member)
{
    void *message = reader_take(r, type->size);
    if (!message)
        return pb_too_big;
    set_all_absent(type, message);
    memcpy(member, &message, sizeof message);
    return NULL;
}

/* One that came before is gone on with: parts of a message are merged. */
static const char *read_message(struct reader *r, const struct pb_field *f, struct trb_slice bytes, void *member)
{
    void *message;
    memcpy(&message, member, sizeof message);
    const char *fault = message ? NULL : reader_new_message(r, f->type, member);
    memcpy(&message, member, sizeof message);
    return fault ? fault : read_into(r, f->type, bytes, message);
}

/* One value into its place, which is an element of a list or the member itself. */
static const char *read_value(struct reader *r, const struct pb_field *f, const struct wire_field *w, void *to)
{
    if (f->kind == PB_STRING)
        return read_string(r, w->bytes, to);
    if (f->kind == PB_BYTES)
        return read_bytes(r, f, w->bytes, to);
    if (f->kind == PB_MESSAGE && !(f->flags & PB_LIST))
        return read_message(r, f, w->bytes, to);
    if (f->kind == PB_MESSAGE) {
        set_all_absent(f->type, to);
        return read_into(r, f->type, w->bytes, to);
    }
    read_number(f->kind, w->value, to);
    return NULL;
}

/* -------------------------------------------------------------------------------------- lists */
static const char *read_packed(const struct pb_field *f, struct trb_slice rest, struct pb_list *list)
{
    size_t width = pb_element(f);
    uint64_t value;
    for (; rest.len; list->count++) {
        if (!pb_next_packed(f->kind, &rest, &value))
            return pb_broken;
        read_number(f->kind, value, pb_at(list, list->count, width));
    }
    return NULL;
}

static const char *read_element(struct reader *r, const struct pb_field *f, const struct wire_field *w, struct pb_list *list)
{
    if (pb_is_packed(f, w))
        return read_packed(f, w->bytes, list);
    return read_value(r, f, w, pb_at(list, list->count++, pb_element(f)));
}

/* ---------------------------------------------------------------------------------- a message */
static const char *read_field(struct reader *r, const struct pb_type *type, const struct pb_field *f,
                              const struct wire_field *w, void *to)
{
    void *member = pb_member(f, to);
    if (f->flags & PB_LIST)
        return read_element(r, f, w, member);
    if (f->oneof)
        clear_others(type, f, to);
    if (f->has)
        *pb_has(f, to) = true;
    return read_value(r, f, w, member);
}

static const char *read_fields(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to)
{
    struct wire_reader in = wire_read(message);
    struct wire_field w;
    const char *fault = NULL;
    while (!fault && wire_next(&in, &w)) {
        const struct pb_field *f = pb_find(type, w.number);
        if (pb_is_known(f, &w))
            fault = read_field(r, type, f, &w, to);
    }
    return fault ? fault : in.broken ? pb_broken : NULL;
}

static const char *read_with_lists(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to)
{
    uint32_t counts[PB_LISTS] = {0};
    const char *fault = lists_prepare(r, type, message, counts, to);
    fault = fault ? fault : read_fields(r, type, message, to);
    return fault ? fault : maps_finish(r, type, counts, to);
}

static const char *read_into(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to)
{
    if (r->depth == PB_DEPTH)
        return too_deep;
    r->depth++;
    const char *fault = type->lists ? read_with_lists(r, type, message, to) : read_fields(r, type, message, to);
    r->depth--;
    return fault;
}

const char *pb_read(const struct pb_type *type, struct trb_slice message, struct pb_memory memory, void *ret)
{
    struct reader r = {.memory = memory, .left = message.len * PB_BUDGET_FACTOR + PB_BUDGET_FREE};
    memset(ret, 0, type->size);
    set_all_absent(type, ret);
    if (message.len > UINT32_MAX)                       /* counts could not hold its elements; gRPC sends no longer ones */
        return pb_too_big;
    return read_into(&r, type, message, ret);
}
