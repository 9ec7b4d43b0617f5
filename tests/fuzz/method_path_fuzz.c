/* method_path_fuzz: any method: what comes out is what a second, simple-minded implementation says, it needs
 * no further cleaning, and no byte that is refused is in it. */
#include <base/method_path.h>
#include <base/slice.h>
#include <stdlib.h>

#define MOST 512

/* Segments are kept in a list; ".." takes the last one away. */
static size_t simple(struct trb_slice method, char *to)
{
    const char *begin[MOST + 1];
    size_t len[MOST + 1], count = 0, at = 0, used = 0;
    while (at <= method.len) {
        size_t end = at;
        while (end < method.len && method.at[end] != '/')
            end++;
        size_t n = end - at;
        if (n == 2 && method.at[at] == '.' && method.at[at + 1] == '.') {
            if (count)
                count--;
        } else if (n > 0 && !(n == 1 && method.at[at] == '.')) {
            begin[count] = method.at + at;
            len[count++] = n;
        }
        at = end + 1;
    }
    if (method.len && method.at[0] == '/')
        to[used++] = '/';
    for (size_t i = 0; i < count; i++) {
        if (i)
            to[used++] = '/';
        for (size_t k = 0; k < len[i]; k++)
            to[used++] = begin[i][k];
    }
    return used;
}

static bool is_refused(unsigned char c)
{
    return c < 0x20 || c == 0x7f || c == '#' || c == '?';
}

static void expect(bool fact)
{
    if (!fact)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice method = {(const char *)data, size}, cleaned, again;
    char fault[METHOD_PATH_FAULT] = "", wanted[MOST + 1], twice[MOST + 1];
    if (size > MOST)
        return 0;
    char *room = malloc(size + 1);         /* exactly as large as was promised to be enough */
    bool has_bad = false;
    for (size_t i = 0; i < size; i++)
        has_bad |= is_refused(data[i]);
    bool is_fine = method_path_clean(method, room, &cleaned, fault);
    expect(is_fine == !has_bad && is_fine == !fault[0]);
    if (is_fine) {
        expect(slice_is(cleaned, slice_from(wanted, simple(method, wanted))));
        expect(method_path_clean(cleaned, twice, &again, fault) && slice_is(cleaned, again));
    }
    free(room);
    return 0;
}
