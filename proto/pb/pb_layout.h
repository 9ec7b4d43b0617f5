/* pb_layout: where a table's members lie in its struct. For pb's own files. */
#ifndef PB_PB_LAYOUT_H
#define PB_PB_LAYOUT_H

#include <pb/pb.h>
#include <string.h>

/* Every list begins like this, a trb_pairs too. */
struct __attribute__((may_alias)) pb_list {
    void *at;
    uint32_t count;
};

static inline void *pb_member(const struct pb_field *f, const void *message)
{
    return (char *)(uintptr_t)message + f->offset;
}

static inline bool *pb_has(const struct pb_field *f, const void *message)
{
    return (bool *)(void *)((char *)(uintptr_t)message + f->has);
}

static inline void *pb_pointer(const struct pb_field *f, const void *message)
{
    void *at;
    memcpy(&at, pb_member(f, message), sizeof at);
    return at;
}

static inline void *pb_at(const struct pb_list *list, uint32_t i, size_t width)
{
    return (char *)list->at + i * width;
}

/* Bytes of one value, a message being a pointer. */
static inline size_t pb_width(const struct pb_field *f)
{
    static const uint8_t widths[] = {
        [PB_BOOL] = sizeof(bool), [PB_INT32] = 4, [PB_UINT32] = 4, [PB_INT64] = 8, [PB_UINT64] = 8, [PB_FLOAT] = 4,
        [PB_DOUBLE] = 8, [PB_STRING] = sizeof(struct trb_name), [PB_BYTES] = sizeof(struct trb_slice),
        [PB_MESSAGE] = sizeof(void *)};
    return widths[f->kind];
}

/* Bytes of a list's element, a message being itself. */
static inline size_t pb_element(const struct pb_field *f)
{
    return f->kind == PB_MESSAGE ? f->type->size : pb_width(f);
}

static inline uint32_t pb_wire_type(uint32_t kind)
{
    static const uint8_t types[] = {[PB_FLOAT] = 5, [PB_DOUBLE] = 1, [PB_STRING] = 2, [PB_BYTES] = 2, [PB_MESSAGE] = 2};
    return kind < sizeof types ? types[kind] : 0;
}

#endif
