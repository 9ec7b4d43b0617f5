/* Any bytes as gRPC: frames in pieces, packed or not, statuses, timeouts: no fault, bounded memory, the same messages
 * whatever the pieces. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <net/grpc.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE 65536u

static uint64_t fold(uint64_t sum, struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sum = (sum ^ (uint8_t)s.at[i]) * 1099511628211u;
    return sum * 31 + s.len;
}

static uint64_t read_frames(struct trb_slice all, size_t step)
{
    struct grpc_reader r;
    struct trb_error err = ERROR_INIT;
    uint64_t sum = 0;
    trb_code code = TRB_OK;
    grpc_reader_init(&r, MAX_MESSAGE, true);
    while (all.len && !code) {
        struct trb_slice piece = slice_cut(all, step < all.len ? step : all.len);
        all = slice_skip(all, piece.len);
        while (piece.len && !code) {
            struct trb_buf *message = NULL;
            code = grpc_reader_take(&r, &piece, &message, &err);
            if (message) {
                check(buf_bytes(message).len <= MAX_MESSAGE);
                sum = fold(sum, buf_bytes(message));
                buf_unref(message);
            }
        }
    }
    grpc_reader_fini(&r);
    error_release(&err);
    return sum * 31 + (uint64_t)code;
}

static void read_status(struct arena *arena, struct trb_slice text)
{
    struct http_headers headers = {0};
    struct trb_error err = ERROR_INIT;
    struct trb_slice rest = text;
    uint64_t ns;
    http_header_add(arena, &headers, SLICE("grpc-status"), slice_split(&rest, '\n'));
    if (rest.at)
        http_header_add(arena, &headers, SLICE("grpc-message"), slice_split(&rest, '\n'));
    if (rest.at)
        http_header_add(arena, &headers, SLICE("grpc-status-details-bin"), rest);
    grpc_status_read(arena, 200, &headers, &err);
    error_release(&err);
    grpc_timeout_parse(text, &ns, &err);
    struct trb_name encoded = grpc_message_encode(arena, text);
    check(slice_is(slice_name(grpc_message_decode(arena, slice_name(encoded))), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    size_t step = data[0] % 32 + 1;
    struct trb_slice rest = {(const char *)data + 1, size - 1};
    struct arena *arena = arena_create(64u << 20);
    check(read_frames(rest, rest.len) == read_frames(rest, step));
    read_status(arena, rest);
    arena_destroy(arena);
    return 0;
}
