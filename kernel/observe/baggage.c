/* baggage: is a W3C baggage header well formed, and if not, in which words. It is never interpreted. */
#include <base/slice.h>
#include <base/text.h>
#include <ctype.h>
#include <observe/trace.h>
#include <stdio.h>

#define MAX_MEMBERS 180u
#define MAX_BYTES 8192u
#define MAX_MEMBER_BYTES 4096u

static bool is_key_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_key(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_key_char(s.at[i]))
            return false;
    return s.len > 0;
}

static bool is_value(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == ',' || c == ';' || c == '\\')
            return false;
        if (c == '%' && (i + 2 >= s.len || !isxdigit((unsigned char)s.at[i + 1]) ||
                         !isxdigit((unsigned char)s.at[i + 2])))
            return false;
    }
    return true;
}

static const char *say(char room[256], const char *what, struct trb_slice culprit)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, slice_cut(culprit, 120));
    snprintf(room, 256, "%s: %.*s", what, SLICE_ARG(text_slice(&quoted)));
    text_fini(&quoted);
    return room;
}

/* "key" or "key=value" behind a semicolon. */
static bool is_property(struct trb_slice property)
{
    struct trb_slice key = slice_trim(slice_split(&property, '='));
    return is_key(key) && (!property.at || is_value(slice_trim(property)));
}

static const char *member_fault(struct trb_slice member, char room[256])
{
    struct trb_slice properties = member;
    struct trb_slice value = slice_split(&properties, ';');
    if (member.len > MAX_MEMBER_BYTES)
        return "list-member too large";
    while (properties.at) {
        struct trb_slice property = slice_split(&properties, ';');
        if (!is_property(property))
            return say(room, "invalid baggage list-member property", property);
    }
    struct trb_slice key = slice_split(&value, '=');
    if (!value.at)
        return say(room, "invalid baggage list-member", member);
    if (!is_key(slice_trim(key)))
        return say(room, "invalid key", slice_trim(key));
    if (!is_value(slice_trim(value)))
        return say(room, "invalid value", value);
    return NULL;
}

const char *trace_baggage_fault(struct trb_slice baggage, char room[256])
{
    const char *fault = NULL;
    if (!baggage.len)
        return NULL;
    if (baggage.len > MAX_BYTES)
        return "baggage-string too large";
    for (uint32_t members = 1; baggage.at && !fault; members++) {
        if (members > MAX_MEMBERS)
            return "too many list-members in baggage-string";
        fault = member_fault(slice_split(&baggage, ','), room);
    }
    return fault;
}
