/* Any text as the value of a "-bin" header: each value that can be read is said again and read the same; the offset of
 * what cannot lies inside it; and any bytes survive being said. */
#include <base/check.h>
#include <base/slice.h>
#include <net/grpc.h>

static void read_list(struct arena *arena, struct trb_slice list)
{
    size_t rounds = 0, most = list.len + 1;
    while (list.at) {
        struct trb_slice before = list, value, again;
        size_t bad = 0;
        check(++rounds <= most);
        if (!grpc_bin_take(arena, &list, &value, &bad)) {
            check(bad <= before.len);
            return;
        }
        struct trb_slice text = grpc_bin_encode(arena, value);
        check(text.len <= before.len && grpc_bin_take(arena, &text, &again, &bad) && slice_is(value, again) && !text.at);
    }
}

static void say_bytes(struct arena *arena, struct trb_slice bytes)
{
    struct trb_slice text = grpc_bin_encode(arena, bytes), again;
    size_t bad;
    check(!text.len || text.at[text.len - 1] != '=');
    check(grpc_bin_take(arena, &text, &again, &bad) && slice_is(bytes, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice text = {(const char *)data, size};
    if (!size || size > 65536)
        return 0;
    struct arena *arena = arena_create(64u << 20);
    read_list(arena, text);
    say_bytes(arena, text);
    arena_destroy(arena);
    return 0;
}
