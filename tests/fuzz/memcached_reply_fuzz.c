/* memcached_reply_fuzz: any bytes as answers: every slice lies inside the input, what is cut short asks for
 * more than it has and no more than the whole, and the same bytes give the same pieces. */
#include "plugins/state/memcached/reply.h"
#include <base/slice.h>
#include <stdlib.h>

static void check_inside(struct trb_slice part, struct trb_slice in, size_t len)
{
    if (part.at && (part.at < in.at || part.at + part.len > in.at + len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice in = {(const char *)data, size};
    struct reply whole, again;
    size_t need = 0;
    int64_t len;
    while ((len = reply_read(in, &whole, &need)) > 0) {
        if ((size_t)len > in.len || whole.kind > REPLY_CLIENT_ERROR)
            abort();
        check_inside(whole.line, in, (size_t)len);
        check_inside(whole.key, in, (size_t)len);
        check_inside(whole.value, in, (size_t)len);
        if (whole.kind == REPLY_VALUE && !key_is_legal(whole.key))
            abort();
        for (size_t cut = (size_t)len - 1; cut; cut /= 2)
            if (reply_read(slice_cut(in, cut), &again, &need) != REPLY_MORE || need <= cut || need > (size_t)len)
                abort();
        in = slice_skip(in, (size_t)len);
    }
    if (len == REPLY_MORE && need <= in.len)
        abort();
    return 0;
}
