/* redis_reply_fuzz: any bytes as replies: every slice lies inside the input, nodes nest as they say, and the
 * same bytes in two pieces give the same replies. */
#include <base/slice.h>
#include <redis/resp.h>
#include <stdlib.h>

static const struct resp *look(const struct resp *r, const struct resp *end, struct trb_slice in, unsigned depth)
{
    if (r >= end || depth > RESP_MAX_DEPTH || !r->span || r + r->span > end)
        abort();
    if (r->text.len && (r->text.at < in.at || r->text.at + r->text.len > in.at + in.len))
        abort();
    if (r->kind != RESP_ARRAY)
        return resp_next(r);
    const struct resp *child = resp_first(r);
    for (uint32_t i = 0; i < r->count; i++)
        child = look(child, end, in, depth + 1);
    if (child != resp_next(r))
        abort();
    return child;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice in = {(const char *)data, size};
    struct resp_reader whole = {0}, pieces = {0};
    int64_t len;
    while ((len = resp_read(&whole, in)) > 0) {
        if ((size_t)len > in.len || look(whole.nodes, whole.nodes + whole.count, in, 0) != whole.nodes + whole.count)
            abort();
        int64_t early = resp_read(&pieces, slice_cut(in, (size_t)len / 2));
        if (early != RESP_MORE)
            abort();
        if (resp_read(&pieces, in) != len || pieces.count != whole.count)
            abort();
        in = slice_skip(in, (size_t)len);
    }
    if (len == RESP_MORE && in.len && whole.need <= in.len)
        abort();
    resp_fini(&whole);
    resp_fini(&pieces);
    return 0;
}
