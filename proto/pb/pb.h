/* pb: protobuf messages as C structs. One table-driven reader and one table-driven writer for all
 * messages; structs and tables are generated from our .proto files, a header for each package:
 * <pb/runtime.h>, <pb/common.h>, <pb/components.h>, <pb/internals.h>, ….
 *
 * Members, by the type in the .proto file:
 *   string                  trb_name, a copy with a NUL behind; never NULL after reading
 *   bytes                   trb_slice into the message; at == NULL: absent
 *   numbers, bool, enum     as in C; an enum is int32_t
 *   message                 pointer; NULL: absent
 *   repeated X              at and count
 *   map<string, string>     trb_pairs; a later entry of the same key has won
 *   other maps              list of entries with key and value; a message value is never NULL
 *   Struct, Value, ListValue   trb_slice with the encoded message, not looked into
 * What has presence (optional, or in a oneof): a string or slice has at == NULL when absent, a number
 * has has_x beside it. Reading one member of a oneof clears the others. When writing, an empty slice
 * without presence is left out, like every other default.
 *
 * Strict and bounded: depth, UTF-8, and memory in proportion to the message; list elements are counted
 * before they are allocated. Unknown fields are skipped, groups refused. Pure functions. [any] */
#ifndef PB_PB_H
#define PB_PB_H

#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define PB_DEPTH 100u
/* One read allocates at most this many times the message's length, and a constant. A list of empty
 * elements has two bytes for each; what honest peers send stays below half of it. */
#define PB_BUDGET_FACTOR 16u
#define PB_BUDGET_FREE (64u << 10)

/* Zeroed memory, aligned for any member, that lives as long as the result. NULL: none left. */
struct pb_memory {
    void *(*alloc)(void *arg, size_t size);
    void *arg;
};

/* kind */
#define PB_BOOL 0u
#define PB_INT32 1u                 /* and enums */
#define PB_UINT32 2u
#define PB_INT64 3u
#define PB_UINT64 4u
#define PB_FLOAT 5u
#define PB_DOUBLE 6u
#define PB_STRING 7u
#define PB_BYTES 8u                 /* also messages that are kept encoded */
#define PB_MESSAGE 9u
/* flags */
#define PB_LIST 1u
#define PB_MAP 2u                   /* a list whose elements are entries */
#define PB_PAIRS 4u                 /* a map that is a struct trb_pairs */
#define PB_PRESENT 8u               /* written when it is there, even when empty */
#define PB_ALWAYS 16u               /* written even when it is not there: key and value of an entry */
#define PB_RAW 32u                  /* a message kept encoded */

struct pb_type;

struct pb_field {
    uint32_t number;
    uint8_t kind, flags;
    uint8_t list;                   /* lists of a message count from 1 */
    uint8_t oneof;                  /* so do its oneofs; 0: in none */
    uint16_t offset, has;           /* of x and of has_x; has == 0: there is none */
    const struct pb_type *type;     /* of a message, or of a map's entries */
};

#define PB_LISTS 16u                /* lists in one message */

struct pb_type {
    const char *name;               /* dapr.proto.runtime.v1.GetStateRequest */
    const struct pb_field *fields;  /* by number */
    uint32_t size;                  /* of the struct */
    uint16_t count, dense;          /* fields; the first of them, numbered 1, 2, 3 … */
    uint16_t lists;
};

extern const struct pb_type pb_pair_pb;    /* an entry of a map<string, string>: struct trb_pair */

/* NULL: fine. Otherwise a sentence of the form that gRPC peers send behind "grpc: error unmarshalling
 * request: ", and *ret is half filled. */
const char *pb_read(const struct pb_type *, struct trb_slice message, struct pb_memory, void *ret);
void pb_write(const struct pb_type *, const void *from, struct text *to);

#endif
