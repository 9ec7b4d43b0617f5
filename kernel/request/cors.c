/* cors: who may read our answers in a browser. */
#include <base/slice.h>
#include <request/cors.h>
#include <string.h>

/* "*", the origin itself, or a pattern with one star; letter case ignored. */
static bool matches(struct trb_slice pattern, struct trb_slice origin)
{
    const char *star = pattern.len ? memchr(pattern.at, '*', pattern.len) : NULL;
    if (!star)
        return slice_is_nocase(pattern, origin);
    struct trb_slice before = slice_from(pattern.at, (size_t)(star - pattern.at));
    struct trb_slice after = slice_skip(pattern, before.len + 1);
    return origin.len >= before.len + after.len && slice_starts_nocase(origin, before) &&
           slice_is_nocase(slice_skip(origin, origin.len - after.len), after);
}

static bool is_open(const struct door_setup *s)
{
    for (uint32_t i = 0; i < s->origin_count; i++)
        if (slice_is(s->origins[i], SLICE("*")))
            return true;
    return false;
}

static bool is_allowed(const struct door_setup *s, struct trb_slice origin)
{
    for (uint32_t i = 0; origin.len && i < s->origin_count; i++)
        if (matches(s->origins[i], origin))
            return true;
    return false;
}

static bool is_method(struct trb_slice method)
{
    static const char *const known[] = {"HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_is_nocase(method, slice_of(known[i])))
            return true;
    return false;
}

static void vary(struct request *rq, const char *on)
{
    request_set_header(rq, SLICE("Vary"), slice_of(on));
}

static void allow_origin(const struct door_setup *s, struct request *rq, struct trb_slice origin)
{
    request_set_header(rq, SLICE("Access-Control-Allow-Origin"), is_open(s) ? SLICE("*") : origin);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* "x-a,X-B" as "X-A, X-B". */
static struct trb_slice canonical_list(struct request *rq, struct trb_slice list)
{
    char *at = arena_alloc(rq->arena, list.len * 2 + 2);
    size_t len = 0;
    while (list.at) {
        struct trb_slice name = slice_trim(slice_split(&list, ','));
        if (name.len && len) {
            at[len++] = ',';
            at[len++] = ' ';
        }
        for (size_t i = 0; i < name.len; i++)
            at[len++] = i == 0 || name.at[i - 1] == '-' ? upper(name.at[i]) : lower(name.at[i]);
    }
    return slice_from(at, len);
}

static void preflight(const struct door_setup *s, struct request *rq, struct trb_slice origin,
                      struct trb_slice method)
{
    struct trb_slice wanted = request_header(rq, SLICE("Access-Control-Request-Headers"));
    vary(rq, "Origin");
    vary(rq, "Access-Control-Request-Method");
    vary(rq, "Access-Control-Request-Headers");
    if (!is_allowed(s, origin) || !is_method(method))
        return;
    allow_origin(s, rq, origin);
    char *shown = arena_alloc(rq->arena, method.len);
    for (size_t i = 0; i < method.len; i++)
        shown[i] = upper(method.at[i]);
    request_set_header(rq, SLICE("Access-Control-Allow-Methods"), slice_from(shown, method.len));
    if (wanted.len)
        request_set_header(rq, SLICE("Access-Control-Allow-Headers"), canonical_list(rq, wanted));
}

bool cors_apply(const struct door_setup *s, struct request *rq)
{
    struct trb_slice origin = request_header(rq, SLICE("Origin"));
    struct trb_slice asked = request_header(rq, SLICE("Access-Control-Request-Method"));
    if (!s->has_cors)
        return false;
    if (slice_is(rq->method, SLICE("OPTIONS")) && asked.len) {
        preflight(s, rq, origin, asked);
        return true;
    }
    vary(rq, "Origin");
    if (is_allowed(s, origin) && is_method(rq->method))
        allow_origin(s, rq, origin);
    return false;
}
