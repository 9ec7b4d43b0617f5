/* http1_request: see http1_request.h. */
#include <net/http1_request.h>

#include <base/check.h>
#include <base/slice.h>
#include <net/http1_write.h>
#include <net/http_class.h>
#include <stdio.h>

/* A target is sent as given; what would end the line would be a second request. */
static char *put_target(char *to, struct trb_slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.at[i];
        if (http_is(s.at[i], CLASS_TARGET)) {
            *to++ = s.at[i];
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return to;
}

static char *put_host(char *to, const struct pool_call *pc)
{
    const struct http_target *target = &pc->pool->target;
    to = put(to, SLICE("Host: "));
    if (pc->head.authority.at)
        to = put_value(to, pc->head.authority);
    else if (slice_starts(target->host, SLICE("unix:")))
        to = put(to, SLICE("localhost"));
    else {
        bool is_bare_v6 = memchr(target->host.at, ':', target->host.len) && target->host.at[0] != '[';
        to = put(to, is_bare_v6 ? SLICE("[") : SLICE(""));
        to = put_value(to, target->host);
        to = put(to, is_bare_v6 ? SLICE("]:") : SLICE(":"));
        to = put_number(to, target->port);
    }
    return put(to, SLICE("\r\n"));
}

static char *put_framing(char *to, struct http1_upload *upload, const struct pool_call *pc)
{
    int64_t length = pc->is_whole && pc->body.at ? (int64_t)pc->body.len : pc->head.content_length;
    upload->is_chunked = length == HTTP_LENGTH_UNKNOWN;
    upload->left = length > 0 ? length : 0;
    if (upload->is_chunked)
        return put(to, SLICE("Transfer-Encoding: chunked\r\n"));
    if (length < 0)
        return to;
    to = put(to, SLICE("Content-Length: "));
    to = put_number(to, (uint64_t)length);
    return put(to, SLICE("\r\n"));
}

void http1_request_write(struct stream *s, struct http1_upload *upload, const struct pool_call *pc)
{
    const struct http_head *head = &pc->head;
    size_t room = head->method.len + head->target.len * 3 + head->authority.len +
                  pc->pool->target.host.len + put_headers_room(&head->headers) + 128;
    char *start = stream_room(s, room), *to = start;
    bool has_date;
    check(http_is_token(head->method));
    to = put(to, head->method);
    *to++ = ' ';
    to = put_target(to, head->target.len ? head->target : SLICE("/"));
    to = put(to, SLICE(" HTTP/1.1\r\n"));
    to = put_host(to, pc);
    to = put_headers(to, &head->headers, &has_date);
    to = put_framing(to, upload, pc);
    to = put(to, SLICE("\r\n"));
    stream_wrote(s, (size_t)(to - start));
    if (pc->is_whole && pc->body.len) {
        http1_upload_write(s, upload, pc->body);
        http1_upload_finish(s, upload, NULL);
    }
}

void http1_upload_write(struct stream *s, struct http1_upload *upload, struct trb_data data)
{
    if (!data.len)
        return;
    if (upload->is_chunked) {
        http1_write_chunk(s, data);
        return;
    }
    if (data.len > (uint64_t)upload->left)
        data.len = (size_t)upload->left;
    upload->left -= (int64_t)data.len;
    stream_write_buf(s, data);
}

void http1_upload_finish(struct stream *s, struct http1_upload *upload, const struct http_headers *trailers)
{
    if (upload->is_chunked)
        http1_write_last_chunk(s, trailers);
}
