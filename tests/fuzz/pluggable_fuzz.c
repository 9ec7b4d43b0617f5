/* pluggable_fuzz: any bytes as what a component's process sends: the first byte chooses a message of the components'
 * package, or reflection's answer, or the details of a status. What is read lies inside the input. */
#include "plugins/pluggable/reflection.h"
#include "plugins/pluggable/status.h"
#include <base/arena.h>
#include <base/slice.h>
#include <pb/components.h>
#include <stdlib.h>

static void check_inside(struct trb_slice part, struct trb_slice in)
{
    if (part.len && (part.at < in.at || part.at + part.len > in.at + in.len))
        abort();
}

static void read_status(trb_code code, struct trb_slice in)
{
    struct text written = {0};
    struct status s;
    status_read(code, SLICE(""), in, &s);
    check_inside(s.text, in);
    check_inside(s.tag, in);
    check_inside(s.reason, in);
    check_inside(s.domain, in);
    status_write(code, &s, &written);
    text_fini(&written);
}

static void *take(void *arena, size_t size)
{
    return arena_zero(arena, size);
}

static void read_message(uint8_t number, struct trb_slice in)
{
    struct arena *arena = arena_create(1u << 30);
    struct text written = {0};
    for (const struct pb_type *const *type = components_types; *type; type++) {
        if (number--)
            continue;
        void *message = arena_zero(arena, (*type)->size);
        if (!pb_read(*type, in, (struct pb_memory){take, arena}, message))
            pb_write(*type, message, &written);
        break;
    }
    text_fini(&written);
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t services;
    if (!size)
        return 0;
    struct trb_slice in = {(const char *)data + 1, size - 1};
    if (data[0] == 255)
        reflection_read(in, &services);
    else if (data[0] >= 200)
        read_status((trb_code)(data[0] - 200), in);
    else
        read_message(data[0], in);
    return 0;
}
