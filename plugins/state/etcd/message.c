/* message: see message.h. */
#include "message.h"
#include <base/slice.h>

#define COMPARE_RESULT 1u                       /* 0, EQUAL, is left out */
#define COMPARE_TARGET 2u
#define TARGET_CREATE 1u
#define TARGET_MOD 2u

static void put_key(struct text *t, uint32_t number, struct etcd_key k)
{
    wire_put_tag(t, number, WIRE_BYTES);
    wire_put_varint(t, k.path.len + 1 + k.name.len);
    text_add(t, k.path);
    text_addc(t, '/');
    text_add(t, k.name);
}

void etcd_put_range(struct text *t, struct etcd_key k, bool keys_only)
{
    put_key(t, 1, k);
    wire_put_uint(t, 8, keys_only);
}

void etcd_put_put(struct text *t, struct etcd_key k, struct trb_slice value, int64_t lease)
{
    put_key(t, 1, k);
    wire_put_bytes(t, 2, value);
    wire_put_uint(t, 3, (uint64_t)lease);
}

size_t etcd_put_begin(struct text *t, struct etcd_key k)
{
    put_key(t, 1, k);
    return wire_begin(t, 2);
}

void etcd_put_end(struct text *t, size_t mark, int64_t lease)
{
    wire_end(t, mark);
    wire_put_uint(t, 3, (uint64_t)lease);
}

void etcd_put_delete(struct text *t, struct etcd_key k)
{
    put_key(t, 1, k);
}

/* The first key behind all that begin so: the last byte that can be counted up, counted up. */
static void put_end(struct text *t, struct etcd_key k)
{
    size_t len = k.name.len;
    while (len && (unsigned char)k.name.at[len - 1] == 0xff)
        len--;
    struct trb_slice kept = slice_cut(k.name, len ? len - 1 : 0);
    wire_put_tag(t, 2, WIRE_BYTES);
    wire_put_varint(t, k.path.len + 1 + len);
    text_add(t, k.path);
    text_addc(t, len ? '/' : '0');              /* '0' comes behind '/' */
    text_add(t, kept);
    if (len)
        text_addc(t, (char)(k.name.at[len - 1] + 1));
}

void etcd_put_range_keys(struct text *t, struct etcd_key begin, int64_t revision, int64_t min_create)
{
    put_key(t, 1, begin);
    put_end(t, begin);
    wire_put_uint(t, 4, (uint64_t)revision);
    wire_put_uint(t, 8, 1);
    wire_put_uint(t, 12, (uint64_t)min_create);
}

void etcd_put_grant(struct text *t, int64_t ttl_s)
{
    wire_put_uint(t, 1, (uint64_t)ttl_s);
}

void etcd_put_revoke(struct text *t, int64_t lease)
{
    wire_put_uint(t, 1, (uint64_t)lease);
}

void etcd_put_compare(struct text *t, struct etcd_key k, int64_t mod_revision)
{
    size_t mark = wire_begin(t, 1);
    wire_put_uint(t, COMPARE_TARGET, mod_revision ? TARGET_MOD : TARGET_CREATE);
    put_key(t, 3, k);
    wire_put_tag(t, mod_revision ? 6 : 5, WIRE_VARINT);     /* one of several: 0 is said too */
    wire_put_varint(t, (uint64_t)mod_revision);
    wire_end(t, mark);
}

struct etcd_op etcd_op_begin(struct text *t, uint32_t branch, uint32_t kind)
{
    struct etcd_op op = {.outer = wire_begin(t, branch)};
    op.inner = wire_begin(t, kind);
    return op;
}

void etcd_op_end(struct text *t, struct etcd_op op)
{
    wire_end(t, op.inner);
    wire_end(t, op.outer);
}

/* -------------------------------------------------------------------------------------- answers */
static bool read_header(struct trb_slice header, int64_t *ret_revision)
{
    struct wire_reader r = wire_read(header);
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == 3 && f.type == WIRE_VARINT)
            *ret_revision = (int64_t)f.value;
    return !r.broken;
}

/* The items stay where they are: they are walked over the whole answer, whose other fields are skipped. */
bool etcd_read_range(struct trb_slice answer, int64_t *ret_revision, struct wire_reader *ret_items)
{
    struct wire_reader r = wire_read(answer);
    struct wire_field f;
    bool is_good = true;
    *ret_revision = 0;
    while (wire_next(&r, &f))
        if (f.number == 1 && f.type == WIRE_BYTES)
            is_good = read_header(f.bytes, ret_revision) && is_good;
    *ret_items = wire_read(answer);
    return is_good && !r.broken;
}

static bool read_item(struct trb_slice bytes, struct etcd_item *ret)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;
    *ret = (struct etcd_item){.key = SLICE(""), .value = SLICE("")};
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            ret->key = f.bytes;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            ret->create_revision = (int64_t)f.value;
        else if (f.number == 3 && f.type == WIRE_VARINT)
            ret->mod_revision = (int64_t)f.value;
        else if (f.number == 5 && f.type == WIRE_BYTES)
            ret->value = f.bytes;
    }
    return !r.broken;
}

bool etcd_next_item(struct wire_reader *items, struct etcd_item *ret_item)
{
    struct wire_field f;
    while (wire_next(items, &f)) {
        if (f.number != 2 || f.type != WIRE_BYTES)
            continue;
        items->broken = items->broken || !read_item(f.bytes, ret_item);
        return !items->broken;
    }
    return false;
}

bool etcd_read_first(struct trb_slice answer, bool *ret_has, struct etcd_item *ret_item)
{
    struct wire_reader items;
    int64_t revision;
    if (!etcd_read_range(answer, &revision, &items))
        return false;
    *ret_has = etcd_next_item(&items, ret_item);
    return !items.broken;
}

bool etcd_read_txn(struct trb_slice answer, bool *ret_succeeded, struct wire_reader *ret_answers)
{
    struct wire_reader r = wire_read(answer);
    struct wire_field f;
    *ret_succeeded = false;
    while (wire_next(&r, &f))
        if (f.number == 2 && f.type == WIRE_VARINT)
            *ret_succeeded = f.value;
    *ret_answers = wire_read(answer);
    return !r.broken;
}

bool etcd_next_range(struct wire_reader *answers, struct trb_slice *ret_answer)
{
    struct wire_field f, inner;
    while (wire_next(answers, &f)) {
        struct wire_reader r = wire_read(f.bytes);
        if (f.number != 3 || f.type != WIRE_BYTES)
            continue;
        while (wire_next(&r, &inner))
            if (inner.number == ETCD_OP_RANGE && inner.type == WIRE_BYTES) {
                *ret_answer = inner.bytes;
                return true;
            }
        answers->broken = answers->broken || r.broken;
    }
    return false;
}

bool etcd_read_lease(struct trb_slice answer, int64_t *ret_lease)
{
    struct wire_reader r = wire_read(answer);
    struct wire_field f;
    *ret_lease = 0;
    while (wire_next(&r, &f))
        if (f.number == 2 && f.type == WIRE_VARINT)
            *ret_lease = (int64_t)f.value;
    return !r.broken && *ret_lease;
}
