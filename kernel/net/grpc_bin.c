/* grpc_bin: metadata whose values are bytes. See grpc.h. */
#include <net/grpc.h>

#include <base/codec.h>
#include <base/slice.h>

bool grpc_bin_take(struct arena *arena, struct trb_slice *list, struct trb_slice *ret_value, size_t *ret_bad)
{
    struct trb_slice text = slice_trim(slice_split(list, ','));
    char *bytes = arena_alloc(arena, text.len * 3 / 4 + 3);
    size_t len;
    if (!base64_decode(text, true, bytes, &len, ret_bad))
        return false;
    *ret_value = slice_from(bytes, len);
    return true;
}

struct trb_slice grpc_bin_encode(struct arena *arena, struct trb_slice bytes)
{
    char *text = arena_alloc(arena, base64_encoded_len(bytes.len, false) + 1);
    return slice_from(text, base64_encode(bytes, false, text));
}
