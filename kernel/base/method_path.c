/* method_path: see method_path.h. */
#include <base/method_path.h>

#include <base/slice.h>
#include <base/text.h>
#include <stdio.h>

/* ------------------------------------------------------------------------------------ refusing */
static bool refuse(char fault[METHOD_PATH_FAULT], const char *what, struct trb_slice method)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, method);
    snprintf(fault, METHOD_PATH_FAULT, "%s: %.*s", what, SLICE_ARG(text_slice(&quoted)));
    text_fini(&quoted);
    return false;
}

static bool is_allowed(struct trb_slice method, char fault[METHOD_PATH_FAULT])
{
    char what[80];
    for (size_t i = 0; i < method.len; i++)
        if (method.at[i] == '#' || method.at[i] == '?' || !method.at[i])
            return refuse(fault, "method contains forbidden character", method);
    for (size_t i = 0; i < method.len; i++)
        if ((unsigned char)method.at[i] < 0x20 || method.at[i] == 0x7f) {
            snprintf(what, sizeof what, "method contains control character at position %zu", i);
            return refuse(fault, what, method);
        }
    return true;
}

/* ----------------------------------------------------------------------------------- resolving */
/* root: bytes that no ".." takes away. */
static size_t drop_last(const char *at, size_t len, size_t root)
{
    while (len > root && at[len - 1] != '/')
        len--;
    return len > root ? len - 1 : root;
}

static size_t resolve(struct trb_slice rest, char *to)
{
    size_t root = rest.len && rest.at[0] == '/', len = root;
    if (root)
        to[0] = '/';
    while (rest.at) {
        struct trb_slice segment = slice_split(&rest, '/');
        if (slice_is(segment, SLICE(".."))) {
            len = drop_last(to, len, root);
        } else if (segment.len && !slice_is(segment, SLICE("."))) {
            if (len > root)
                to[len++] = '/';
            memmove(to + len, segment.at, segment.len);
            len += segment.len;
        }
    }
    return len;
}

bool method_path_clean(struct trb_slice method, char *room, struct trb_slice *ret, char fault[METHOD_PATH_FAULT])
{
    if (!is_allowed(method, fault))
        return false;
    size_t len = resolve(method, room);
    room[len] = '\0';
    *ret = slice_from(room, len);
    return true;
}
