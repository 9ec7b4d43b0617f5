/* filter: levels between slashes; + is one level, # is the rest and what it hangs on. */
#include <base/slice.h>
#include <mqtt/filter.h>
#include <mqtt/packet.h>

static bool is_text(struct trb_slice s)
{
    return s.len && s.len <= MQTT_MAX_TEXT && !memchr(s.at, 0, s.len) && slice_is_utf8(s);
}

bool mqtt_topic_is_valid(struct trb_slice s)
{
    return is_text(s) && !memchr(s.at, '+', s.len) && !memchr(s.at, '#', s.len);
}

static bool are_levels_valid(struct trb_slice s)
{
    while (s.at) {
        struct trb_slice level = slice_split(&s, '/');
        bool has_plus = level.len && memchr(level.at, '+', level.len), has_hash = level.len && memchr(level.at, '#', level.len);
        if ((has_plus || has_hash) && level.len > 1)
            return false;
        if (has_hash && s.at)
            return false;
    }
    return true;
}

struct trb_slice mqtt_filter_shared(struct trb_slice s)
{
    struct trb_slice none = {0};
    if (!slice_starts(s, SLICE("$share/")))
        return none;
    struct trb_slice rest = slice_skip(s, 7), group = slice_split(&rest, '/');
    return group.len && !memchr(group.at, '+', group.len) && !memchr(group.at, '#', group.len) && rest.len ? rest : none;
}

bool mqtt_filter_is_valid(struct trb_slice s)
{
    if (!is_text(s))
        return false;
    if (!slice_starts(s, SLICE("$share/")))
        return are_levels_valid(s);
    struct trb_slice shared = mqtt_filter_shared(s);
    return shared.at && are_levels_valid(shared);
}

bool mqtt_filter_matches(struct trb_slice filter, struct trb_slice topic)
{
    if (topic.len && topic.at[0] == '$' && filter.len && (filter.at[0] == '+' || filter.at[0] == '#'))
        return false;
    while (filter.at) {
        struct trb_slice want = slice_split(&filter, '/');
        if (slice_is(want, SLICE("#")))
            return true;
        if (!topic.at)
            return false;
        struct trb_slice level = slice_split(&topic, '/');
        if (!slice_is(want, SLICE("+")) && !slice_is(want, level))
            return false;
    }
    return !topic.at;
}
