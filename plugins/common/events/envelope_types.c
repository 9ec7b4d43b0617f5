/* envelope_types: what a content type says of a body, and words in metadata. */
#include "envelope.h"

static struct trb_slice media_type(struct trb_slice content_type)
{
    return slice_trim(slice_split(&content_type, ';'));
}

bool is_cloud_event_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/cloudevents+json"));
}

bool is_json_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/json"));
}

struct trb_slice pair_get(const struct trb_pairs *pairs, const char *key)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (slice_is(slice_name(p->key), slice_of(key)))
            return slice_name(p->value);
    }
    return (struct trb_slice){NULL, 0};
}

bool boolean_parse(struct trb_slice word, bool *ret_value)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (slice_is(word, slice_of(yes[i])))
            return *ret_value = true;
    *ret_value = false;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (slice_is(word, slice_of(no[i])))
            return true;
    return false;
}
