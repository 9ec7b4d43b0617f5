/* localstorage_fuzz: any bytes as a name and as data: no name leads out, cleaning it twice changes nothing, and no
 * data grow. */
#include "plugins/bindings/localstorage/form.c"
#include <stdlib.h>

static bool has_part(struct trb_slice path, struct trb_slice part)
{
    while (path.at)
        if (slice_is(slice_split(&path, '/'), part))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice given = slice_from((const char *)data, size);
    struct text once = {0}, twice = {0}, bytes = {0};
    if (form_path(given, &once)) {
        struct trb_slice path = text_slice(&once);
        if (slice_starts(path, SLICE("/")) || slice_ends(path, SLICE("/")) || has_part(path, SLICE("..")) ||
            has_part(path, SLICE(".")) || (path.len && has_part(path, SLICE(""))) || once.at[once.len])
            abort();
        if (!form_path(path, &twice) || !slice_is(text_slice(&twice), path))
            abort();
    }
    form_data(given, true, &bytes);
    if (bytes.len > size)
        abort();
    form_data(given, false, &bytes);
    if (bytes.len > size)
        abort();
    text_fini(&once);
    text_fini(&twice);
    text_fini(&bytes);
    return 0;
}
