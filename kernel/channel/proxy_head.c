/* proxy_head: which metadata goes on, which stays, and what is added. */
#include <base/error.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <channel/proxied.h>
#include <net/grpc.h>

#define ADDED 12u                   /* at most, to what came */

static void add(struct http_headers *to, struct trb_slice name, struct trb_slice value)
{
    to->at[to->count++] = (struct http_header){name, value};
}

static struct http_headers list_for(struct arena *arena, uint32_t count)
{
    return (struct http_headers){arena_alloc(arena, count * sizeof(struct http_header)), 0, count};
}

/* -------------------------------------------------------------------------------- what stays here */
/* The protocol's own, said anew on every hop. */
static bool is_of_the_hop(struct trb_slice n)
{
    switch (n.len) {
    case 2:
        return slice_is(n, SLICE("te"));
    case 10:
        return slice_is(n, SLICE("user-agent"));
    case 11:
        return slice_is(n, SLICE("grpc-status"));
    case 12:
        return slice_is(n, SLICE("content-type")) || slice_is(n, SLICE("grpc-message")) ||
               slice_is(n, SLICE("grpc-timeout"));
    case 13:
        return slice_is(n, SLICE("grpc-encoding"));
    case 17:
        return slice_is(n, SLICE("grpc-message-type"));
    default:
        return false;
    }
}

/* The target has been read; tokens are for whom they were given to. */
static bool is_for_us(struct trb_slice n)
{
    return (n.len == 11 && slice_is(n, SLICE("dapr-app-id"))) ||
           (n.len == 14 && slice_is(n, SLICE("dapr-api-token")));
}

/* What a sidecar says of the two ends nobody else may have said before it. */
static bool is_said_by_us(const struct proxied *p, struct trb_slice n)
{
    if (p->is_local)
        return false;
    switch (n.len) {
    case 11:
        return p->info->traceparent.len && slice_is(n, SLICE("traceparent"));
    case 14:
        return p->info->traceparent.len && slice_is(n, SLICE("grpc-trace-bin"));
    case 18:
        return slice_is(n, SLICE("dapr-callee-app-id")) || slice_is(n, SLICE("dapr-caller-app-id"));
    default:
        return false;
    }
}

/* --------------------------------------------------------------------------------- what is added */
static void add_deadline(struct proxied *p, struct http_headers *to)
{
    uint64_t now = loop_now_ns(p->info->loop), due = p->info->deadline_ns;
    if (!due)
        return;
    char *text = arena_alloc(p->info->arena, 16);
    size_t len = grpc_timeout_text(due > now ? due - now : 1, text);
    add(to, SLICE("grpc-timeout"), slice_from(text, len));
}

static void add_trace(struct proxied *p, struct http_headers *to)
{
    char bytes[TRACE_BIN_LEN];
    if (!p->info->traceparent.len)
        return;
    trace_bin(&p->info->request->trace, bytes);
    add(to, SLICE("traceparent"), p->info->traceparent);
    add(to, SLICE("grpc-trace-bin"), grpc_bin_encode(p->info->arena, slice_from(bytes, sizeof bytes)));
}

static void add_ends(struct proxied *p, struct http_headers *to)
{
    add(to, SLICE("dapr-caller-app-id"), slice_name(channel_setup()->info->app_id));
    add(to, SLICE("dapr-callee-app-id"), p->app_id);
}

static void add_first(struct proxied *p, struct http_headers *to)
{
    add(to, SLICE("content-type"), SLICE("application/grpc+proto"));
    add(to, SLICE("user-agent"), SLICE(GRPC_USER_AGENT));
    add(to, SLICE("te"), SLICE("trailers"));
    add(to, SLICE("grpc-accept-encoding"), SLICE("gzip"));
    add_deadline(p, to);
}

static void add_last(struct proxied *p, struct http_headers *to)
{
    struct trb_slice token = channel_setup()->app_token;
    if (!p->is_local) {
        add_ends(p, to);
        add_trace(p, to);
    } else if (token.len) {
        add(to, SLICE("dapr-api-token"), token);
    }
}

void proxied_make_head(struct proxied *p, struct trb_slice authority)
{
    const struct http_headers *came = p->info->headers;
    struct http_headers list = list_for(p->info->arena, came->count + ADDED);
    add_first(p, &list);
    for (uint32_t i = 0; i < came->count; i++) {
        struct trb_slice name = came->at[i].name;
        if (!is_of_the_hop(name) && !is_for_us(name) && !is_said_by_us(p, name))
            list.at[list.count++] = came->at[i];
    }
    add_last(p, &list);
    p->head = (struct http_head){.method = SLICE("POST"), .target = p->path, .authority = authority,
                                 .headers = list, .content_length = HTTP_LENGTH_UNKNOWN};
}

/* ------------------------------------------------------------------------------------ the answer */
/* Names and values lie in the request's memory already. */
static void pass_on(struct proxied *p, struct http_headers *to, const struct http_headers *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        if (!is_of_the_hop(from->at[i].name))
            http_header_add(p->info->arena, to, from->at[i].name, from->at[i].value);
}

void proxied_pass_metadata(struct proxied *p)
{
    pass_on(p, &p->info->request->out.headers, &p->metadata);
}

/* The status as it came, letter by letter, then what else stood there. */
void proxied_pass_trailers(struct proxied *p, const struct http_headers *trailers)
{
    struct http_headers *to = &p->info->request->out.trailers;
    struct trb_slice message = http_header_get(trailers, SLICE("grpc-message"));
    http_header_add(p->info->arena, to, SLICE("grpc-status"), http_header_get(trailers, SLICE("grpc-status")));
    http_header_add(p->info->arena, to, SLICE("grpc-message"), message.at ? message : SLICE(""));
    pass_on(p, to, trailers);
}
