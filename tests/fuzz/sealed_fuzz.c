/* sealed_fuzz: any bytes as a sealed file, in pieces: it comes to an end, and what cannot be opened has a sentence. */
#include <base/slice.h>
#include <sealed/sealed.h>
#include <stdlib.h>

static const uint8_t key[SEALED_KEY];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct opener *o = opener_create();
    struct trb_slice file = slice_from((const char *)data + 1, size - 1), plain;
    size_t piece = 1 + data[0];
    bool is_whole = false, is_unlocked = false;
    while (file.len && !opener_fault(o)) {
        struct trb_slice rest = slice_cut(file, piece);
        file = slice_skip(file, rest.len);
        if (!is_whole) {
            is_whole = opener_header(o, &rest);
            if (!is_whole)
                continue;
            const struct sealed_manifest *m = opener_manifest(o);
            if (!sealed_wrap_name(m->wrap) || !m->wrapped_key.len || m->wrapped_key.len > SEALED_WRAPPED_MOST)
                abort();
            is_unlocked = opener_unlock(o, key);
        }
        while (is_unlocked && opener_take(o, &rest, &plain))
            if (plain.len != SEALED_PLAIN_MOST)
                abort();
        if (!opener_fault(o) && rest.len)
            abort();
    }
    if (!is_whole)
        opener_header_end(o);
    else if (is_unlocked && opener_end(o, &plain) && (!plain.len || plain.len > SEALED_PLAIN_MOST))
        abort();
    if ((!is_whole || !is_unlocked) != (opener_fault(o) && slice_starts(slice_of(opener_fault(o)), SLICE("invalid"))) && !is_whole)
        abort();
    opener_destroy(o);
    return 0;
}
