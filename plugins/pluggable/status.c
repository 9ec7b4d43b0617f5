/* status: google.rpc.Status, BadRequest and ErrorInfo, field by field. */
#include "status.h"
#include <base/slice.h>
#include <wire/wire.h>

#define TYPE "type.googleapis.com/google.rpc."
#define STATUS_CODE 1u
#define STATUS_MESSAGE 2u
#define STATUS_DETAIL 3u
#define ANY_TYPE 1u
#define ANY_VALUE 2u
#define INFO_REASON 1u
#define INFO_DOMAIN 2u
#define INFO_PAIR 3u
#define REQUEST_VIOLATION 1u
#define VIOLATION_FIELD 1u
#define VIOLATION_TEXT 2u

/* The last field of that number that has bytes; how many there are. */
static uint32_t find(struct trb_slice message, uint32_t number, struct trb_slice *ret)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    uint32_t count = 0;
    while (wire_next(&r, &f))
        if (f.number == number && f.type == WIRE_BYTES) {
            *ret = f.bytes;
            count++;
        }
    return count;
}

static struct trb_slice text_at(struct trb_slice message, uint32_t number)
{
    struct trb_slice text = SLICE("");
    find(message, number, &text);
    return text;
}

static struct trb_slice pair_at(struct trb_slice info, struct trb_slice name)
{
    struct wire_reader r = wire_read(info);
    struct wire_field f, value;
    struct trb_slice key, found = SLICE("");
    while (wire_next(&r, &f))
        if (f.number == INFO_PAIR && f.type == WIRE_BYTES && wire_map_entry(f.bytes, &key, &value) &&
            slice_is(key, name) && value.type == WIRE_BYTES)
            found = value.bytes;
    return found;
}

/* The only detail of that type; false: none, or several. */
static bool only(struct trb_slice status, struct trb_slice type, struct trb_slice *ret_value)
{
    struct wire_reader r = wire_read(status);
    struct wire_field f;
    uint32_t count = 0;
    while (wire_next(&r, &f))
        if (f.number == STATUS_DETAIL && f.type == WIRE_BYTES && slice_is(text_at(f.bytes, ANY_TYPE), type)) {
            *ret_value = text_at(f.bytes, ANY_VALUE);
            count++;
        }
    return count == 1;
}

static void read_violation(trb_code code, struct trb_slice request, struct status *ret)
{
    struct trb_slice violation;
    if (find(request, REQUEST_VIOLATION, &violation) != 1 ||
        !slice_is(text_at(violation, VIOLATION_FIELD), SLICE("etag")))
        return;
    ret->is = code == TRB_PRECONDITION ? STATUS_ETAG_MISMATCH : STATUS_ETAG_INVALID;
    ret->text = text_at(violation, VIOLATION_TEXT);
}

static void read_info(trb_code code, struct trb_slice info, struct status *ret)
{
    struct trb_slice tag = pair_at(info, SLICE("tag"));
    bool is_kit = slice_is(pair_at(info, SLICE("kit_error")), SLICE("true"));
    if (is_kit && slice_to_u64(pair_at(info, SLICE("http_code")), &ret->http_code) && ret->http_code >= 100 &&
        ret->http_code <= 999) {
        ret->is = STATUS_STRUCTURED;
        ret->tag = tag;
        ret->reason = text_at(info, INFO_REASON);
        ret->domain = text_at(info, INFO_DOMAIN);
    } else if (code == TRB_INTERNAL && slice_to_i64(pair_at(info, SLICE("expected")), &ret->expected) &&
               slice_to_i64(pair_at(info, SLICE("affected")), &ret->affected)) {
        ret->is = STATUS_ROWS;
    }
}

void status_read(trb_code code, struct trb_slice text, struct trb_slice details, struct status *ret)
{
    struct trb_slice value;
    *ret = (struct status){.text = text};
    if ((code == TRB_PRECONDITION || code == TRB_INVALID) && only(details, SLICE(TYPE "BadRequest"), &value))
        read_violation(code, value, ret);
    if (!ret->is && only(details, SLICE(TYPE "ErrorInfo"), &value))
        read_info(code, value, ret);
}

void status_write(trb_code code, const struct status *s, struct text *to)
{
    wire_put_uint(to, STATUS_CODE, (uint64_t)code);
    wire_put_bytes(to, STATUS_MESSAGE, s->text);
    size_t detail = wire_begin(to, STATUS_DETAIL);
    wire_put_bytes(to, ANY_TYPE, SLICE(TYPE "ErrorInfo"));
    size_t info = wire_begin(to, ANY_VALUE);
    wire_put_bytes(to, INFO_REASON, s->reason);
    wire_put_bytes(to, INFO_DOMAIN, s->domain);
    wire_end(to, info);
    wire_end(to, detail);
}
