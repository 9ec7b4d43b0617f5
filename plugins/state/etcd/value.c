/* value: { 1 data, 2 { 1 seconds, 2 nanoseconds }, 3 { 1 seconds } }; the third is there also when it is empty. */
#include "value.h"
#include <base/slice.h>
#include <wire/wire.h>

#define S 1000000000ll

static void put_time(struct text *t, uint32_t number, int64_t ns)
{
    size_t mark = wire_begin_short(t, number);
    wire_put_uint(t, 1, (uint64_t)(ns / S));
    wire_put_uint(t, 2, (uint64_t)(ns % S));
    wire_end_short(t, mark);
}

void value_put(struct text *t, struct trb_slice data, int64_t wall_ns, int64_t ttl_s)
{
    wire_put_bytes(t, 1, data);
    put_time(t, 2, wall_ns);
    put_time(t, 3, ttl_s * S);
}

static bool read_time(struct trb_slice bytes, int64_t *ret_s, int64_t *ret_ns)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;
    *ret_s = *ret_ns = 0;
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            *ret_s = (int64_t)f.value;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            *ret_ns = (int32_t)f.value;
    }
    return !r.broken;
}

#define LATEST_S (INT64_MAX / S / 4)            /* what is later cannot be told as nanoseconds, and is no date */

static int64_t expiry_of(int64_t since_s, int64_t since_ns, int64_t for_s, int64_t for_ns)
{
    if (for_s < 0 || (!for_s && for_ns <= 0) || for_s > LATEST_S || since_s < 0 || since_s > LATEST_S)
        return 0;
    return (since_s + for_s) * S + since_ns + for_ns;
}

bool value_read(struct trb_slice bytes, struct trb_slice *ret_data, int64_t *ret_expiry_ns)
{
    int64_t since_s = 0, since_ns = 0, for_s = 0, for_ns = 0;
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;
    bool is_good = true;
    *ret_data = SLICE("");
    while (wire_next(&r, &f)) {
        if (f.type != WIRE_BYTES)
            continue;
        if (f.number == 1)
            *ret_data = f.bytes;
        else if (f.number == 2)
            is_good = read_time(f.bytes, &since_s, &since_ns) && is_good;
        else if (f.number == 3)
            is_good = read_time(f.bytes, &for_s, &for_ns) && is_good;
    }
    *ret_expiry_ns = expiry_of(since_s, since_ns, for_s, for_ns);
    return is_good && !r.broken;
}
