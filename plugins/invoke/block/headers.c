/* headers: hop-by-hop lines stay where they are, identity is ours to say, the rest passes. */
#include "headers.h"
#include <base/slice.h>
#include <string.h>

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
        return slice_is_nocase(n, SLICE("proxy-authenticate"));
    case 19:
        return slice_is_nocase(n, SLICE("proxy-authorization"));
    default:
        return false;
    }
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
static bool is_said_otherwise(struct trb_slice n, uint32_t way)
{
    bool leaves = way == HEADERS_TO_APP || way == HEADERS_TO_PEER;
    switch (n.len) {
    case 4:
        return leaves && slice_is_nocase(n, SLICE("host"));
    case 10:
        return leaves && slice_is_nocase(n, SLICE("tracestate"));
    case 11:
        return leaves && slice_is_nocase(n, SLICE("traceparent"));
    case 12:
        return way == HEADERS_TO_PEER && slice_is_nocase(n, SLICE("content-type"));
    case 14:
        return slice_is_nocase(n, SLICE("content-length"));
    default:
        return false;
    }
}

static bool passes(const struct trb_pairs *all, bool has_connection, struct trb_slice name, uint32_t way)
{
    if (is_hop_by_hop(name) || is_said_otherwise(name, way) || slice_is_nocase(name, SLICE("destination-app-id")))
        return false;
    if (name.len >= 4 && slice_is_nocase(slice_skip(name, name.len - 4), SLICE("-bin")))
        return false;
    if (way != HEADERS_TO_CLIENT && slice_is_nocase(name, SLICE("dapr-app-id")))
        return false;
    return !has_connection || !is_named_by_connection(all, name);
}

static bool has_name(const struct trb_pairs *all, struct trb_slice name)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (slice_is_nocase(slice_name(trb_pair_at(all, i)->key), name))
            return true;
    return false;
}

static char spell(char c, bool upper)
{
    unsigned from = (unsigned char)c - (upper ? 'a' : 'A');
    return (char)(from < 26 ? c ^ 0x20 : c);
}

static struct trb_name canonical(struct trb_slice name, char **at)
{
    static const char prefix[] = "dapr-";
    char *begin = *at;
    size_t len = 0;
    if (slice_starts_nocase(name, SLICE("grpc-")))
        for (; prefix[len]; len++)
            begin[len] = spell(prefix[len], len == 0);
    bool upper = true;
    for (size_t i = 0; i < name.len; i++) {
        begin[len++] = spell(name.at[i], upper);
        upper = name.at[i] == '-';
    }
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
    bool has_connection = has_name(from, SLICE("connection"));
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        if (passes(from, has_connection, slice_name(p->key), way))
            to[count++] = (struct trb_pair){canonical(slice_name(p->key), &names), p->value};
    }
    return (struct trb_pairs){to, count, sizeof *to};
}
