/* pb_list: counts the elements of a message's lists and makes room for them, before they are read. */
#include <pb/pb_reader.h>
#include <string.h>

static bool count_packed(const struct pb_field *f, struct trb_slice rest, uint32_t *count)
{
    uint64_t value;
    for (; rest.len; ++*count)
        if (!pb_next_packed(f->kind, &rest, &value))
            return false;
    return true;
}

static const char *count_lists(const struct pb_type *type, struct trb_slice message, uint32_t *counts)
{
    struct wire_reader in = wire_read(message);
    struct wire_field w;
    while (wire_next(&in, &w)) {
        const struct pb_field *f = pb_find(type, w.number);
        if (!pb_is_known(f, &w) || !f->list)
            continue;
        if (!pb_is_packed(f, &w))
            counts[f->list - 1]++;
        else if (!count_packed(f, w.bytes, &counts[f->list - 1]))
            return pb_broken;
    }
    return in.broken ? pb_broken : NULL;
}

/* Room behind the elements that an earlier part of the same message may have left. */
static const char *make_room(struct reader *r, const struct pb_field *f, uint32_t more, void *member)
{
    struct pb_list *list = member;
    size_t width = pb_element(f);
    if (!more)
        return NULL;
    void *at = reader_take(r, ((size_t)list->count + more) * width);
    if (!at)
        return pb_too_big;
    if (list->count)
        memcpy(at, list->at, list->count * width);
    list->at = at;
    return NULL;
}

const char *lists_prepare(struct reader *r, const struct pb_type *type, struct trb_slice message, uint32_t *counts,
                          void *to)
{
    const char *fault = count_lists(type, message, counts);
    for (uint32_t i = 0; i < type->count && !fault; i++)
        if (type->fields[i].list)
            fault = make_room(r, &type->fields[i], counts[type->fields[i].list - 1], pb_member(&type->fields[i], to));
    return fault;
}
