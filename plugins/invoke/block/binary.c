/* binary: see binary.h. */
#include "binary.h"
#include <base/codec.h>
#include <base/slice.h>

static bool is_binary(struct trb_name name)
{
    return name.len > 4 && slice_is_nocase_at(name.at + name.len - 4, "-bin", 4);
}

static uint32_t count_values(const struct trb_pairs *pairs, bool *ret_any)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pairs->count; i++, count++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (!is_binary(p->key))
            continue;
        *ret_any = true;
        for (size_t n = 0; n < p->value.len; n++)
            count += p->value.at[n] == ',';
    }
    return count;
}

static bool recode(struct trb_request *rq, struct trb_slice from, bool pad, struct trb_name *ret)
{
    char *bytes = trb_alloc(rq, from.len * 3 / 4 + 3);
    size_t len;
    if (!base64_decode(from, true, bytes, &len, NULL))
        return false;
    char *text = trb_alloc(rq, base64_encoded_len(len, pad) + 1);
    *ret = (struct trb_name){text, base64_encode(slice_from(bytes, len), pad, text)};
    return true;
}

static uint32_t split(struct trb_request *rq, const struct trb_pair *p, bool pad, struct trb_pair *to)
{
    struct trb_slice rest = slice_name(p->value);
    uint32_t count = 0;
    while (rest.at) {
        to[count].key = p->key;
        count += recode(rq, slice_trim(slice_split(&rest, ',')), pad, &to[count].value);
    }
    return count;
}

struct trb_pairs binary_recode(struct trb_request *rq, const struct trb_pairs *pairs, bool pad)
{
    bool has_any = false;
    uint32_t room = count_values(pairs, &has_any), count = 0;
    if (!has_any)
        return *pairs;
    struct trb_pair *to = trb_alloc(rq, (room + 1) * sizeof *to);
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (is_binary(p->key))
            count += split(rq, p, pad, to + count);
        else
            to[count++] = *p;
    }
    return (struct trb_pairs){to, count, sizeof *to};
}
