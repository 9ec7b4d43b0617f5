/* http_out: a call to the app or a URL in plain HTTP: what is sent, and what the answer's head means. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/outgoing.h>

/* --------------------------------------------------------------------------------- the request */
static bool has_header(const struct trb_pairs *pairs, const char *name)
{
    return trb_pair_get(pairs, name).at != NULL;
}

static void add(struct outgoing *o, struct trb_slice name, struct trb_slice value)
{
    http_header_add(o->rq->arena, &o->head.headers, name, value);
}

static void add_token(struct outgoing *o)
{
    const struct channel_setup *s = channel_setup();
    bool wanted = o->question.to == TRB_TO_APP ? !(o->question.flags & TRB_OUT_NO_TOKEN)
                                               : (o->question.flags & TRB_OUT_APP_TOKEN) != 0;
    if (wanted && s->app_token.len)
        add(o, SLICE("Dapr-Api-Token"), s->app_token);
}

static void add_trace(struct outgoing *o)
{
    struct request *rq = o->rq;
    if (o->question.flags & TRB_OUT_NO_TRACE || has_header(&o->question.headers, "traceparent"))
        return;
    if (rq->traceparent.len)
        add(o, SLICE("Traceparent"), rq->traceparent);
    if (rq->tracestate.len && !has_header(&o->question.headers, "tracestate"))
        add(o, SLICE("Tracestate"), rq->tracestate);
}

static void add_given(struct outgoing *o)
{
    bool own_token = channel_setup()->app_token.len && o->question.to == TRB_TO_APP;
    for (uint32_t i = 0; i < o->question.headers.count; i++) {
        const struct trb_pair *p = trb_pair_at(&o->question.headers, i);
        if (!own_token || !slice_is_nocase(slice_name(p->key), SLICE("dapr-api-token")))
            add(o, slice_name(p->key), slice_name(p->value));
    }
}

static void make_headers(struct outgoing *o)
{
    const struct trb_pairs *given = &o->question.headers;
    add_given(o);
    if (!has_header(given, "user-agent"))
        add(o, SLICE("User-Agent"), SLICE("Go-http-client/1.1"));
    add_trace(o);
    add_token(o);
    if (!has_header(given, "accept-encoding") && !slice_is(o->question.method, SLICE("HEAD"))) {
        add(o, SLICE("Accept-Encoding"), SLICE("gzip"));
        o->adds_gzip = true;
    }
}

static int64_t length_of(struct outgoing *o)
{
    struct trb_slice m = o->question.method;
    if (o->question.body_mode == TRB_BODY_GIVEN)
        return (int64_t)o->question.body.len;
    if (o->question.body_mode == TRB_BODY_RELAYED)
        return o->rq->body.length >= 0 ? o->rq->body.length : HTTP_LENGTH_UNKNOWN;
    bool sends_anyway = slice_is(m, SLICE("POST")) || slice_is(m, SLICE("PUT")) || slice_is(m, SLICE("PATCH")) ||
                        slice_is(m, SLICE("TRACE"));
    return sends_anyway ? HTTP_LENGTH_UNKNOWN : HTTP_NO_BODY;
}

static struct trb_slice target_of(struct outgoing *o, struct trb_slice base)
{
    struct trb_outcall *q = &o->question;
    struct trb_slice parts[] = {base, q->path, q->query.len ? SLICE("?") : SLICE(""), q->query};
    return slice_name(arena_join(o->rq->arena, parts, countof(parts)));
}

static bool refuse(struct outgoing *o, const char *sentence, struct trb_slice what)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_INVALID, "BAD_URL", sentence, SLICE_ARG(what));
    outgoing_fail(o, &err);
    return false;
}

/* scheme://host[:port][/base] */
static bool open_url(struct outgoing *o, struct trb_slice *ret_base)
{
    struct trb_slice rest = o->question.url, scheme = slice_split(&rest, ':');
    bool tls = slice_is_nocase(scheme, SLICE("https"));
    if ((!tls && !slice_is_nocase(scheme, SLICE("http"))) || !slice_starts(rest, SLICE("//")))
        return refuse(o, "unsupported protocol scheme in %.*s", o->question.url);
    rest = slice_skip(rest, 2);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/')
        len++;
    struct trb_slice authority = slice_cut(rest, len), host = authority;
    uint64_t port = tls ? 443 : 80;
    *ret_base = slice_skip(rest, len);
    if (ret_base->len && ret_base->at[ret_base->len - 1] == '/')
        ret_base->len--;
    for (size_t i = authority.len; i-- > 0 && authority.at[i] != ']';)
        if (authority.at[i] == ':') {
            host = slice_cut(authority, i);
            if (!slice_to_u64(slice_skip(authority, i + 1), &port) || port > 65535)
                return refuse(o, "invalid port in %.*s", o->question.url);
        }
    if (!host.len)
        return refuse(o, "no host in %.*s", o->question.url);
    if (host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = slice_from(host.at + 1, host.len - 2);
    o->head.authority = authority;
    o->head.scheme = tls ? SLICE("https") : SLICE("http");
    o->pool = pool_for_url(o->head.scheme, host, (uint16_t)port, o->question.tls);
    return true;
}

struct trb_slice app_authority(struct arena *arena)
{
    const struct trb_runtime_info *info = channel_setup()->info;
    struct trb_slice host = slice_name(info->app_channel_address);
    bool v6 = memchr(host.at, ':', host.len) != NULL;
    char port[20];
    struct trb_slice parts[] = {v6 ? SLICE("[") : SLICE(""), host, v6 ? SLICE("]:") : SLICE(":"),
                                slice_decimal(info->app_port, port)};
    return slice_name(arena_join(arena, parts, countof(parts)));
}

static bool open_app(struct outgoing *o)
{
    struct trb_name protocol = channel_setup()->info->app_protocol;
    o->head.authority = app_authority(o->rq->arena);
    o->head.scheme = protocol.len && protocol.at[protocol.len - 1] == 's' ? SLICE("https") : SLICE("http");
    o->pool = pool_for_app();
    return true;
}

/* ---------------------------------------------------------------------------------- the answer */
static void take_headers(struct outgoing *o, const struct http_head *head, bool inflating)
{
    struct trb_pair *to = arena_zero(o->rq->arena, (head->headers.count + 1) * sizeof *to);
    uint32_t n = 0;
    for (uint32_t i = 0; i < head->headers.count; i++) {
        const struct http_header *h = &head->headers.at[i];
        bool hidden = inflating && (slice_is_nocase(h->name, SLICE("content-encoding")) ||
                                    slice_is_nocase(h->name, SLICE("content-length")));
        if (!hidden)
            to[n++] = arena_pair(o->rq->arena, h->name, h->value);
    }
    o->outcome.headers = (struct trb_pairs){to, n, sizeof *to};
}

static void take_head(struct outgoing *o, const struct http_head *head)
{
    bool inflating = o->adds_gzip && slice_is_nocase(http_header_get(&head->headers, SLICE("content-encoding")), SLICE("gzip"));
    if (inflating)
        o->inflate = inflate_create();
    o->outcome = (struct trb_outcome){
        .size = sizeof o->outcome, .status = (uint32_t)head->status, .reason = head->reason,
        .content_length = inflating || head->content_length < 0 ? -1 : head->content_length,
        .ended = head->content_length == 0 || head->content_length == HTTP_NO_BODY};
    take_headers(o, head, inflating);
    outgoing_head(o);
}

static bool give_inflated(void *arg, struct trb_buf *piece)
{
    outgoing_piece(arg, buf_data(piece));
    buf_unref(piece);
    return outgoing_has_room(arg);
}

static void fail_inflate(struct outgoing *o, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    http_call_cancel(&o->call);
    error_set(&err, TRB_INTERNAL, "BAD_GZIP", "%s", sentence);
    outgoing_fail(o, &err);
}

static void finish(struct outgoing *o)
{
    if (o->inflate && !inflate_is_whole(o->inflate))
        fail_inflate(o, "unexpected EOF");
    else
        outgoing_end(o);
}

/* A little that is packed may be very much: it is unpacked while somebody has room for it. */
static void unpack(struct outgoing *o)
{
    if (o->is_unpacking || !outgoing_has_room(o))
        return;
    o->is_unpacking = true;
    size_t used = inflate_feed(o->inflate, slice_from(o->packed.at, o->packed.len), give_inflated, o);
    o->is_unpacking = false;
    if (o->failed)
        return;
    if (used == SIZE_MAX)
        return fail_inflate(o, "gzip: invalid data in the answer");
    o->packed.at += used;
    o->packed.len -= used;
    if (!o->packed.len)
        o->packed.owner = buf_unref(o->packed.owner);
    outgoing_credit(o, used);
    if (o->has_end && !o->packed.len && !inflate_owes(o->inflate))
        finish(o);
}

void http_out_go_on(struct outgoing *o)
{
    struct request *rq = o->rq;
    if (!o->inflate || o->failed || o->ended)
        return;
    request_pin(rq);
    unpack(o);
    request_unpin(rq);
}

/* What waits is never more than the callee's window. */
static void keep_packed(struct outgoing *o, struct trb_data piece)
{
    struct gather both = {0};
    if (!o->packed.len && piece.owner) {
        buf_ref(piece.owner);
        o->packed = piece;
        return;
    }
    gather_add(&both, slice_from(o->packed.at, o->packed.len), SIZE_MAX);
    gather_add(&both, slice_from(piece.at, piece.len), SIZE_MAX);
    buf_unref(o->packed.owner);
    o->packed = buf_data(gather_finish(&both));
}

static void take_data(struct outgoing *o, struct trb_data piece)
{
    if (o->inflate) {
        keep_packed(o, piece);
        return unpack(o);
    }
    outgoing_piece(o, piece);
    if (!o->failed)
        outgoing_credit(o, piece.len);
}

static void take_end(struct outgoing *o, const struct http_headers *trailers)
{
    o->has_end = true;
    if (!o->inflate || (!o->packed.len && !inflate_owes(o->inflate)))
        finish(o);
}

/* As the contract spells it: Post "http://127.0.0.1:3001/p": EOF */
void http_out_name_call(const struct outgoing *o, struct trb_error *err)
{
    char verb[16] = "";
    snprintf(verb, sizeof verb, "%.*s", SLICE_ARG(o->question.method));
    for (char *at = verb; *at && at[1]; at++)
        at[1] = (char)(at[1] >= 'A' && at[1] <= 'Z' ? at[1] | 0x20 : at[1]);
    error_prefix(err, "%s \"%.*s://%.*s%.*s\": ", verb, SLICE_ARG(o->head.scheme), SLICE_ARG(o->head.authority),
                 SLICE_ARG(o->head.target));
}

static void take_failure(struct outgoing *o, const struct trb_error *err)
{
    struct trb_error said = *err;
    http_out_name_call(o, &said);
    outgoing_fail(o, &said);
}

static const struct outgoing_protocol protocol = {.head = take_head, .data = take_data, .end = take_end,
                                                  .room = outgoing_pump, .failed = take_failure};

void http_out_start(struct outgoing *o)
{
    struct trb_slice base = SLICE("");
    o->head.method = o->question.method;
    if (o->question.to == TRB_TO_URL ? !open_url(o, &base) : !open_app(o))
        return;
    o->head.target = target_of(o, base);
    o->head.content_length = length_of(o);
    make_headers(o);
    o->protocol = &protocol;
    o->call = (struct http_call){.magic = HTTP_CALL_MAGIC, .events = &outgoing_events, .loop = o->rq->loop, .arena = o->rq->arena};
    bool given = o->question.body_mode == TRB_BODY_GIVEN;
    if (given)
        o->sent_bytes = o->question.body.len;
    http_pool_call(o->pool, &o->call, &o->head, given ? o->question.body : (struct trb_data){0});
    if (o->question.body_mode == TRB_BODY_RELAYED)
        outgoing_pump(o);
    else if (!given && o->head.content_length == HTTP_LENGTH_UNKNOWN)
        http_call_finish(&o->call, NULL);
}
