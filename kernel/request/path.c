/* path: repeated slashes and dot segments resolved, on the escaped text. */
#include <base/slice.h>
#include <request/router.h>
#include <string.h>

/* Nothing to do for "/a/b", by far the most common. */
static bool is_clean(struct trb_slice path)
{
    if (!path.len || path.at[0] != '/')
        return false;
    for (size_t i = 1; i < path.len; i++)
        if (path.at[i - 1] == '/' && (path.at[i] == '/' || path.at[i] == '.'))
            return false;
    return true;
}

/* The text so far without its last segment. */
static size_t up(const char *at, size_t len)
{
    while (len > 0 && at[--len] != '/')
        continue;
    return len;
}

struct trb_slice path_clean(struct arena *arena, struct trb_slice path)
{
    bool ends_in_slash = path.len && path.at[path.len - 1] == '/';
    if (is_clean(path))
        return path;
    char *at = arena_alloc(arena, path.len + 2);
    size_t len = 0;
    struct trb_slice rest = path.at ? path : SLICE("");
    while (rest.at) {
        struct trb_slice segment = slice_split(&rest, '/');
        if (slice_is(segment, SLICE(".."))) {
            len = up(at, len);
        } else if (segment.len && !slice_is(segment, SLICE("."))) {
            at[len++] = '/';
            memcpy(at + len, segment.at, segment.len);
            len += segment.len;
        }
    }
    if (!len || ends_in_slash)
        at[len++] = '/';
    return slice_from(at, len);
}
