/* status: an HTTP app's failure in gRPC's words. grpc-api.md 4.2. */
#include "status.h"
#include <base/slice.h>
#include <base/utf8.h>
#include <wire/wire.h>

#define SAID 63u                           /* bytes of the body that are passed on */

/* A string of a message is UTF-8: what is cut stays so, what is none becomes '?'. */
static void add_beginning(struct text *t, struct trb_slice body)
{
    struct trb_slice rest = slice_cut(body, SAID);
    bool is_cut = body.len > SAID;
    while (rest.len) {
        uint32_t rune;
        size_t len = utf8_read(rest, &rune);
        if (!len && is_cut && rest.len < 4 && utf8_read(slice_skip(body, SAID - rest.len), &rune))
            return;
        if (len)
            text_add(t, slice_cut(rest, len));
        else
            text_addc(t, '?');
        rest = slice_skip(rest, len ? len : 1);
    }
}

static void put_metadata(struct text *t, struct trb_slice key, struct trb_slice value)
{
    size_t entry = wire_begin(t, 3);
    wire_put_bytes(t, 1, key);
    wire_put_bytes(t, 2, value);
    wire_end(t, entry);
}

void status_of_http(struct text *t, trb_code code, struct trb_slice text, uint32_t http_status, struct trb_slice body)
{
    struct text said = {0};
    char room[20];
    add_beginning(&said, body);
    wire_put_uint(t, 1, (uint64_t)code);
    wire_put_bytes(t, 2, text);
    size_t any = wire_begin(t, 3);
    wire_put_bytes(t, 1, SLICE("type.googleapis.com/google.rpc.ErrorInfo"));
    size_t info = wire_begin(t, 2);
    wire_put_bytes(t, 1, text);
    wire_put_bytes(t, 2, SLICE("dapr.io"));
    put_metadata(t, SLICE("http.code"), slice_decimal(http_status, room));
    put_metadata(t, SLICE("http.error_message"), text_slice(&said));
    wire_end(t, info);
    wire_end(t, any);
    text_fini(&said);
}
