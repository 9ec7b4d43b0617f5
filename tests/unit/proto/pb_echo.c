/* pb_echo: reads lines "TYPE HEX" and answers each with the message read and written again, in hex, or
 * with "! " and the fault. "json TEXT" answers with the Struct made of it. For pb_cross_test.py. */
#include "tests/unit/proto/pb_support.h"
#include <base/codec.h>
#include <pb/common.h>
#include <pb/components.h>
#include <pb/google.h>
#include <pb/internals.h>
#include <pb/pb_struct.h>
#include <pb/runtime.h>
#include <pb/scheduler.h>
#include <stdio.h>

static const struct pb_type *find(struct trb_slice name)
{
    const struct pb_type *const *const all[] = {common_types,  components_types, google_types, internals_types,
                                                runtime_types, scheduler_types, every_types};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct pb_type *const *type = all[i]; *type; type++)
            if (slice_is(slice_of((*type)->name), name))
                return *type;
    return NULL;
}

static void answer(struct trb_slice bytes)
{
    char *hex = malloc(2 * bytes.len + 1);
    printf("%.*s\n", (int)hex_encode(bytes, hex), hex);
    free(hex);
}

static void echo(const struct pb_type *type, struct trb_slice hex)
{
    struct pieces pieces = {0};
    struct text out = {0};
    char *bytes = malloc(hex.len / 2 + 1);
    void *message = malloc(type->size);
    const char *fault = hex_decode(hex, bytes)
        ? pb_read(type, slice_from(bytes, hex.len / 2), pieces_memory(&pieces), message) : "not hex";
    if (fault) {
        printf("! %s\n", fault);
    } else {
        pb_write(type, message, &out);
        answer(text_slice(&out));
    }
    free(message);
    free(bytes);
    text_fini(&out);
    pieces_free(&pieces);
}

static void take(struct trb_slice line)
{
    struct trb_slice name = slice_split(&line, ' ');
    const struct pb_type *type = find(name);
    struct text out = {0};
    if (slice_is(name, SLICE("json"))) {
        if (pb_struct_from_json(line, &out))
            answer(text_slice(&out));
        else
            puts("! no object");
    } else if (type) {
        echo(type, line.at ? line : SLICE(""));
    } else {
        puts("! unknown type");
    }
    text_fini(&out);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0; fflush(stdout))
        take(slice_from(line, (size_t)len - 1));
    free(line);
    return 0;
}
