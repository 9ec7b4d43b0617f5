/* headers: hop-by-hop lines stay where they are, identity is ours to say, the rest passes. */
#include "headers.h"
#include <base/slice.h>
#include <string.h>

static bool is_one_of(struct trb_slice name, const char *const *list)
{
    for (; *list; list++)
        if (slice_is_nocase(name, slice_of(*list)))
            return true;
    return false;
}

static bool is_hop_by_hop(struct trb_slice name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
                                        "http2-settings", "te", "trailer", "proxy-authorization",
                                        "proxy-authenticate", NULL};
    return is_one_of(name, names);
}

/* Connection: keep-alive, X-Foo */
static bool is_named_by_connection(const struct trb_pairs *all, struct trb_slice name)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const struct trb_pair *p = trb_pair_at(all, i);
        struct trb_slice list = slice_name(p->value);
        if (p->key.len != 10 || !slice_is_nocase(slice_name(p->key), SLICE("connection")))
            continue;
        while (list.at)
            if (slice_is_nocase(slice_trim(slice_split(&list, ',')), name))
                return true;
    }
    return false;
}

/* What the way itself says: length and type by codec or message, the trace by the kernel. */
static bool is_said_otherwise(struct trb_slice name, uint32_t way)
{
    static const char *const app[] = {"content-length", "traceparent", "tracestate", "host", NULL};
    static const char *const peer[] = {"content-length", "content-type", "traceparent", "tracestate", "host", NULL};
    static const char *const client[] = {"content-length", NULL};
    return is_one_of(name, way == HEADERS_TO_APP ? app : way == HEADERS_TO_PEER ? peer : client);
}

static bool passes(const struct trb_pairs *all, struct trb_slice name, uint32_t way)
{
    if (is_hop_by_hop(name) || is_said_otherwise(name, way) || slice_is_nocase(name, SLICE("destination-app-id")))
        return false;
    if (name.len >= 4 && slice_is_nocase(slice_skip(name, name.len - 4), SLICE("-bin")))
        return false;
    if (way != HEADERS_TO_CLIENT && slice_is_nocase(name, SLICE("dapr-app-id")))
        return false;
    return !is_named_by_connection(all, name);
}

static char spell(char c, bool upper)
{
    if (upper)
        return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static struct trb_name canonical(struct trb_slice name, char **at)
{
    static const char prefix[] = "dapr-";
    char *begin = *at;
    size_t len = 0;
    if (slice_starts_nocase(name, SLICE("grpc-")))
        for (; prefix[len]; len++)
            begin[len] = spell(prefix[len], len == 0);
    for (size_t i = 0; i < name.len; i++)
        begin[len++] = spell(name.at[i], i == 0 || name.at[i - 1] == '-');
    begin[len] = '\0';
    *at += len + 1;
    return (struct trb_name){begin, len};
}

size_t headers_room(const struct trb_pairs *from)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < from->count; i++)
        bytes += trb_pair_at(from, i)->key.len + sizeof "dapr-";
    return bytes;
}

struct trb_pairs headers_filter(const struct trb_pairs *from, uint32_t way, struct trb_pair *to, char *names)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        if (passes(from, slice_name(p->key), way))
            to[count++] = (struct trb_pair){canonical(slice_name(p->key), &names), p->value};
    }
    return (struct trb_pairs){to, count, sizeof *to};
}
