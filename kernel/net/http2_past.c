/* http2_past: see http2_past.h. */
#include <net/http2_past.h>

#include <nghttp2/nghttp2.h>

void http2_past_add(struct http2_past *p, int32_t id, bool is_ours)
{
    int32_t *slot = &p->ids[p->next++ % HTTP2_PAST];
    if (-*slot > p->forgotten)
        p->forgotten = -*slot;
    *slot = is_ours ? -id : id;
}

/* HTTP2_PAST: it is not among them. */
static uint32_t find(const struct http2_past *p, int32_t id)
{
    uint32_t i = 0;
    while (i < HTTP2_PAST && p->ids[i] != id && p->ids[i] != -id)
        i++;
    return i;
}

void http2_past_left(struct http2_past *p, int32_t id)
{
    uint32_t at = find(p, id);
    p->was_left = true;
    if (at < HTTP2_PAST)
        p->ids[at] = id;
    else
        http2_past_add(p, id, false);
}

bool http2_past_is_left(const struct http2_past *p, int32_t id)
{
    uint32_t at = p->was_left ? find(p, id) : HTTP2_PAST;
    return at < HTTP2_PAST && p->ids[at] > 0;
}

uint32_t http2_past_judge(const struct http2_past *p, int32_t id, bool is_head, bool is_last)
{
    uint32_t at = find(p, id);
    bool is_known = at < HTTP2_PAST;
    if (is_known && p->ids[at] > 0)
        return NGHTTP2_STREAM_CLOSED;
    if (is_head && !is_last)
        return NGHTTP2_PROTOCOL_ERROR;  /* a second head is the trailers, and they end it */
    if (is_known || id <= p->forgotten)
        return NGHTTP2_NO_ERROR;
    return is_head ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED;     /* it was passed over */
}
