/* http1_write: see http1_write.h. */
#include <net/http1_write.h>

#include <base/slice.h>
#include <net/http_class.h>

char *put_value(char *to, struct trb_slice s)
{
    if (http_is_field_value(s))
        return put(to, s);
    for (size_t i = 0; i < s.len; i++)
        *to++ = http_is(s.at[i], CLASS_VALUE) ? s.at[i] : ' ';
    return to;
}

char *put_number(char *to, uint64_t value)
{
    char digits[PUT_NUMBER_ROOM];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        *to++ = digits[--n];
    return to;
}

/* Framing and persistence are the codec's own words. */
static bool is_ours(struct trb_slice name)
{
    switch (name.len) {
    case 10:
        return slice_is_nocase(name, SLICE("connection")) || slice_is_nocase(name, SLICE("keep-alive"));
    case 14:
        return slice_is_nocase(name, SLICE("content-length"));
    case 17:
        return slice_is_nocase(name, SLICE("transfer-encoding"));
    default:
        return false;
    }
}

char *put_headers(char *to, const struct http_headers *headers, bool *ret_has_date)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        const struct http_header *header = &headers->at[i];
        if (is_ours(header->name) || !http_is_token(header->name))
            continue;
        if (header->name.len == 4 && slice_is_nocase(header->name, SLICE("date")))
            *ret_has_date = true;
        to = put(to, header->name);
        to = put(to, SLICE(": "));
        to = put_value(to, header->value);
        to = put(to, SLICE("\r\n"));
    }
    return to;
}

size_t put_headers_room(const struct http_headers *headers)
{
    size_t room = 0;
    for (uint32_t i = 0; i < headers->count; i++)
        room += headers->at[i].name.len + headers->at[i].value.len + 4;
    return room;
}

void http1_write_chunk(struct stream *s, struct trb_data data)
{
    static const char digits[] = "0123456789abcdef";
    char line[18], *to = line + sizeof line;
    *--to = '\n';
    *--to = '\r';
    for (size_t n = data.len; n; n >>= 4)
        *--to = digits[n & 15];
    stream_write(s, slice_from(to, (size_t)(line + sizeof line - to)));
    stream_write_buf(s, data);
    stream_write(s, SLICE("\r\n"));
}

void http1_write_last_chunk(struct stream *s, const struct http_headers *trailers)
{
    stream_write(s, SLICE("0\r\n"));
    if (trailers && trailers->count) {
        bool has_date;
        char *start = stream_room(s, put_headers_room(trailers) + 1);
        stream_wrote(s, (size_t)(put_headers(start, trailers, &has_date) - start));
    }
    stream_write(s, SLICE("\r\n"));
}
