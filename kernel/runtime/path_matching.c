/* path_matching: segments of a pattern against segments of a path: literal before {name}; a trailing
 * slash takes everything below. */
#include <base/slice.h>
#include <runtime/path_matching.h>
#include <stdio.h>

#define INVOKE "/v1.0/invoke/"
#define PREFIX "/v1.0/invoke/{app_id}/method"

static bool is_hole(struct trb_slice segment)
{
    return segment.len > 1 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

/* Literal segments that matched plus one; 0: it does not match. */
static uint32_t weigh(struct trb_slice pattern, struct trb_slice path)
{
    uint32_t weight = 1;
    while (pattern.at) {
        struct trb_slice wanted = slice_split(&pattern, '/');
        if (!wanted.len && !pattern.at && weight > 1)
            return path.at ? weight : 0;
        if (!path.at)
            return 0;
        struct trb_slice found = slice_split(&path, '/');
        if (is_hole(wanted) ? !found.len : !slice_is(wanted, found))
            return 0;
        weight += is_hole(wanted) ? 1 : 1u << 8;
    }
    return path.at ? 0 : weight;
}

bool path_matches(const struct configuration_names *patterns, struct trb_slice path, char *room, size_t size,
                  struct trb_slice *ret_label)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < patterns->count; i++) {
        struct trb_slice pattern = slice_name(patterns->at[i]);
        char longer[512];
        int len = snprintf(longer, sizeof longer, PREFIX "%.*s", SLICE_ARG(pattern));
        bool has_longer = !slice_starts(pattern, SLICE(INVOKE)) && len < (int)sizeof longer && (size_t)len < size;
        uint32_t plain = weigh(pattern, path), behind = has_longer ? weigh(slice_from(longer, (size_t)len), path) : 0;
        if (plain > best) {
            best = plain;
            *ret_label = pattern;
        }
        if (behind > best) {
            best = behind;
            memcpy(room, longer, (size_t)len);
            *ret_label = slice_from(room, (size_t)len);
        }
    }
    return best > 0;
}
