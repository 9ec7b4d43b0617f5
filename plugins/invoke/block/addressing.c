/* addressing: three ways to name a target, one to write a method as a path. */
#include "addressing.h"
#include <base/codec.h>
#include <base/slice.h>

/* ----------------------------------------------------------------------------------- the target */
static struct trb_slice decoded(struct trb_slice raw, bool plus, char *room)
{
    size_t len;
    return percent_decode(raw, plus, room, &len) ? slice_from(room, len) : raw;
}

/* Basic "dapr-app-id:<target>", one colon. room: the decoded text. */
static struct trb_slice basic_target(struct trb_slice authorization, char *room)
{
    struct trb_slice none = {NULL, 0}, scheme = SLICE("basic ");
    size_t len;
    if (!slice_starts_nocase(authorization, scheme) ||
        !base64_decode(slice_trim(slice_skip(authorization, scheme.len)), false, room, &len, NULL))
        return none;
    struct trb_slice target = slice_from(room, len), user = slice_split(&target, ':');
    if (!target.len || !slice_is_nocase(user, SLICE("dapr-app-id")) || memchr(target.at, ':', target.len))
        return none;
    return target;
}

static struct trb_slice skip_slashes(struct trb_slice s)
{
    while (s.len && s.at[0] == '/')
        s = slice_skip(s, 1);
    return s;
}

static bool skip_segment(struct trb_slice *path, struct trb_slice segment)
{
    struct trb_slice rest = skip_slashes(*path);
    if (rest.at == path->at || !slice_starts(rest, segment))
        return false;
    *path = slice_skip(rest, segment.len);
    return true;
}

/* room: for the target, decoded once more. */
static bool find_in_path(struct trb_slice path, char *room, struct address *ret)
{
    static const char mark[] = "/method/";
    if (!skip_segment(&path, SLICE("v1.0")) || !skip_segment(&path, SLICE("invoke")) || !path.len || path.at[0] != '/')
        return false;
    path = skip_slashes(path);
    const char *at = memmem(path.at, path.len, mark, sizeof mark - 1);
    if (!at)
        return false;
    struct trb_slice target = slice_cut(path, (size_t)(at - path.at));
    while (target.len && target.at[target.len - 1] == '/')
        target.len--;
    ret->method = slice_skip(path, (size_t)(at - path.at) + sizeof mark - 1);
    ret->target = decoded(target, true, room);
    return ret->target.len > 0;
}

bool address_find(struct trb_slice app_id, struct trb_slice authorization, struct trb_slice path, char *room,
                  struct address *ret_address)
{
    struct trb_slice plain = decoded(path, false, room);
    char *rest = room + path.len + 1;
    app_id = slice_trim(app_id);
    if (!app_id.len)
        app_id = basic_target(authorization, rest);
    if (!app_id.len)
        return find_in_path(plain, rest, ret_address);
    *ret_address = (struct address){.target = app_id, .method = skip_slashes(plain)};
    return true;
}

bool target_is_url(struct trb_slice target)
{
    return slice_starts_nocase(target, SLICE("http://")) || slice_starts_nocase(target, SLICE("https://"));
}

bool target_split(struct trb_slice target, struct trb_slice *ret_app_id, struct trb_slice *ret_namespace)
{
    struct trb_slice rest = target, app_id = slice_split(&rest, '.');
    if (!target.len || (rest.at && memchr(rest.at, '.', rest.len)))
        return false;
    *ret_app_id = app_id;
    *ret_namespace = rest.len ? rest : (struct trb_slice){NULL, 0};
    return true;
}

/* ----------------------------------------------------------------------------------- the method */
static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool needs_escape(unsigned char c)
{
    return c <= 0x20 || c >= 0x7f || strchr("\"*\\{}|<>^`", c);
}

bool method_path(struct trb_slice method, char *room, struct trb_slice *ret_path, struct trb_slice *ret_bad)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    if (!slice_starts(method, SLICE("/")))
        room[len++] = '/';
    for (size_t i = 0; i < method.len; i++) {
        unsigned char c = (unsigned char)method.at[i];
        if (c == '%' && (method.len - i < 3 || !is_hex(method.at[i + 1]) || !is_hex(method.at[i + 2]))) {
            *ret_bad = slice_cut(slice_skip(method, i), 3);
            return false;
        }
        if (needs_escape(c)) {
            room[len++] = '%';
            room[len++] = digits[c >> 4];
            room[len++] = digits[c & 15];
        } else {
            room[len++] = (char)c;
        }
    }
    room[len] = '\0';
    *ret_path = slice_from(room, len);
    return true;
}
