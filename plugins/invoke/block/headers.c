/* headers: hop-by-hop lines stay where they are, identity is ours to say, the rest passes. */
#include "headers.h"
#include <base/slice.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool is_in(const char *const *list, size_t count, struct trb_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is_nocase(name, slice_of(list[i])))
            return true;
    return false;
}

/* -------------------------------------------------------------------------------- what stays */
static bool is_hop_by_hop(struct trb_slice n)
{
    switch (n.len) {
    case 2:
        return slice_is_nocase(n, SLICE("te"));
    case 7:
        return slice_is_nocase(n, SLICE("upgrade")) || slice_is_nocase(n, SLICE("trailer"));
    case 10:
        return slice_is_nocase(n, SLICE("connection")) || slice_is_nocase(n, SLICE("keep-alive"));
    case 14:
        return slice_is_nocase(n, SLICE("http2-settings"));
    case 16:
        return slice_is_nocase(n, SLICE("proxy-connection"));
    case 17:
        return slice_is_nocase(n, SLICE("transfer-encoding"));
    case 18:
        return slice_is_nocase(n, SLICE("proxy-authenticate")) || slice_is_nocase(n, SLICE("destination-app-id"));
    case 19:
        return slice_is_nocase(n, SLICE("proxy-authorization"));
    default:
        return false;
    }
}

#define MOST_NAMED 32u

struct named { /* lines that Connection: keep-alive, X-Foo keeps here; nobody honest names more */
    struct trb_slice at[MOST_NAMED];
    uint32_t count;
};

static void add_names(struct named *n, struct trb_slice list)
{
    while (list.at && n->count < MOST_NAMED) {
        struct trb_slice name = slice_trim(slice_split(&list, ','));
        if (name.len)
            n->at[n->count++] = name;
    }
}

static void find_named(const struct trb_pairs *all, struct named *ret)
{
    ret->count = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct trb_pair *p = trb_pair_at(all, i);
        if (p->key.len == 10 && slice_is_nocase(slice_name(p->key), SLICE("connection")))
            add_names(ret, slice_name(p->value));
    }
}

static bool is_named(const struct named *n, struct trb_slice name)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (slice_is_nocase(n->at[i], name))
            return true;
    return false;
}

/* What the way itself says, or does not want said. */
static bool is_said_otherwise(struct trb_slice n, uint32_t way)
{
    switch (n.len) {
    case 4:
        return way & HEADERS_NO_HOST && slice_is_nocase(n, SLICE("host"));
    case 10:
        return way & HEADERS_NO_TRACE && slice_is_nocase(n, SLICE("tracestate"));
    case 11:
        return (way & HEADERS_NO_TRACE && slice_is_nocase(n, SLICE("traceparent"))) ||
               (way & HEADERS_NO_APP_ID && slice_is_nocase(n, SLICE("dapr-app-id")));
    case 12:
        return way & HEADERS_NO_TYPE && slice_is_nocase(n, SLICE("content-type"));
    case 14:
        return (way & HEADERS_NO_LENGTH && slice_is_nocase(n, SLICE("content-length"))) ||
               (way & HEADERS_NO_TRACE && slice_is_nocase(n, SLICE("grpc-trace-bin"))) ||
               (way & HEADERS_NO_API_TOKEN && slice_is_nocase(n, SLICE("dapr-api-token")));
    default:
        return false;
    }
}

/* What one gRPC hop says to the next, and no other. */
static bool is_of_grpc(struct trb_slice n)
{
    static const char *const list[] = {"content-type", "user-agent", "te", "grpc-timeout", "grpc-encoding",
                                       "grpc-accept-encoding", "grpc-message", "grpc-status", "grpc-message-type",
                                       "grpc-status-details-bin"};
    return is_in(list, COUNT(list), n) || (n.len && n.at[0] == ':');
}

static bool passes(const struct named *named, struct trb_slice name, uint32_t way)
{
    if (!name.len || is_hop_by_hop(name) || is_said_otherwise(name, way))
        return false;
    if (way & HEADERS_NO_BINARY && name.len >= 4 && slice_is_nocase(slice_skip(name, name.len - 4), SLICE("-bin")))
        return false;
    return !is_named(named, name);
}

/* ---------------------------------------------------------------------------------- the names */
/* As RFC 4229 and Go's library spell them; only so spelled they mean HTTP's. */
static bool is_permanent(struct trb_slice n)
{
    static const char *const list[] = {
        "Accept", "Accept-Charset", "Accept-Language", "Accept-Ranges", "Cache-Control", "Connection", "Content-Length",
        "Content-Type", "Cookie", "Date", "Expect", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
        "If-Schedule-Tag-Match", "If-Unmodified-Since", "Keep-Alive", "Max-Forwards", "Origin", "Pragma",
        "Proxy-Connection", "Referer", "Transfer-Encoding", "Upgrade", "Via", "Warning"};
    for (size_t i = 0; i < COUNT(list); i++)
        if (slice_is(n, slice_of(list[i])))
            return true;
    return false;
}

static char spell(char c, bool upper)
{
    unsigned from = (unsigned char)c - (upper ? 'a' : 'A');
    return (char)(from < 26 ? c ^ 0x20 : c);
}

/* In place: X-Custom, or x-custom. */
static void respell(char *at, size_t len, bool canonical)
{
    bool upper = canonical;
    for (size_t i = 0; i < len; i++) {
        at[i] = spell(at[i], upper);
        upper = canonical && at[i] == '-';
    }
}

/* Most are: another sidecar, or a library, has seen to it. */
static bool is_spelled(struct trb_slice n, bool canonical)
{
    bool upper = canonical;
    for (size_t i = 0; i < n.len; i++) {
        if (n.at[i] != spell(n.at[i], upper))
            return false;
        upper = canonical && n.at[i] == '-';
    }
    return true;
}

#define PREFIX "Dapr-"

/* room: for two prefixes more, and a NUL. */
static size_t put(char *room, size_t len, struct trb_slice name)
{
    memcpy(room + len, name.at, name.len);
    return len + name.len;
}

static bool stays(struct trb_slice name, bool is_foreign, uint32_t way)
{
    if (way & HEADERS_AS_GRPC)
        return false;
    return !(way & HEADERS_OF_HTTP) || (!is_foreign && is_spelled(name, true));
}

static struct trb_name renamed(struct trb_name given, uint32_t way, char **at)
{
    char *begin = *at;
    struct trb_slice name = slice_name(given);
    bool is_pseudo = name.at[0] == ':', is_foreign = is_pseudo || slice_starts_nocase(name, SLICE("grpc-"));
    if (stays(name, is_foreign, way))
        return given;
    size_t len = way & HEADERS_OF_HTTP && is_foreign ? put(begin, 0, SLICE(PREFIX)) : 0;
    len = put(begin, len, len && is_pseudo ? slice_skip(name, 1) : name);
    if (way & HEADERS_OF_HTTP)
        respell(begin, len, true);
    if (way & HEADERS_AS_GRPC) {
        if (is_permanent(slice_from(begin, len))) {
            memmove(begin + sizeof PREFIX - 1, begin, len);
            len = put(begin, 0, SLICE(PREFIX)) + len;
        }
        respell(begin, len, false);
    }
    begin[len] = '\0';
    *at += len + 1;
    return (struct trb_name){begin, len};
}

size_t headers_room(const struct trb_pairs *from)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < from->count; i++)
        bytes += trb_pair_at(from, i)->key.len + sizeof PREFIX;
    return bytes;
}

/* ----------------------------------------------------------------------------------- together */
struct trb_pairs headers_filter(const struct trb_pairs *from, uint32_t way, struct trb_pair *to, char *names)
{
    uint32_t count = 0;
    struct named named;
    find_named(from, &named);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        struct trb_slice name = slice_name(p->key);
        if (passes(&named, name, way) && (!(way & HEADERS_NO_GRPC) || !is_of_grpc(name)))
            to[count++] = (struct trb_pair){renamed(p->key, way, &names), p->value};
    }
    return (struct trb_pairs){to, count, sizeof *to};
}
