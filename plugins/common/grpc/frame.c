/* frame: see frame.h. */
#include <base/slice.h>
#include <grpc/frame.h>
#include <stdio.h>

void grpc_frame_head(char to[GRPC_HEAD], size_t len)
{
    to[0] = 0;
    to[1] = (char)(len >> 24);
    to[2] = (char)(len >> 16);
    to[3] = (char)(len >> 8);
    to[4] = (char)len;
}

static size_t length_of(const unsigned char *b)
{
    return (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
}

bool grpc_frame_only(struct trb_slice bytes, struct trb_slice *ret_message)
{
    const unsigned char *b = (const unsigned char *)bytes.at;
    if (bytes.len < GRPC_HEAD || b[0])
        return false;
    *ret_message = slice_skip(bytes, GRPC_HEAD);
    return ret_message->len == length_of(b);
}

bool grpc_frame_first(struct trb_slice bytes, struct trb_slice *ret_message, size_t *ret_len)
{
    const unsigned char *b = (const unsigned char *)bytes.at;
    *ret_len = bytes.len < GRPC_HEAD ? 0 : length_of(b);
    if (bytes.len < GRPC_HEAD || bytes.len - GRPC_HEAD < *ret_len)
        return false;
    *ret_message = b[0] ? (struct trb_slice){0} : slice_cut(slice_skip(bytes, GRPC_HEAD), *ret_len);
    return true;
}

bool grpc_status_read(struct trb_slice text, trb_code *ret_code)
{
    uint64_t n;
    if (text.len > 2 || !slice_to_u64(text, &n))
        return false;
    *ret_code = n <= TRB_UNAUTHENTICATED ? (trb_code)n : TRB_UNKNOWN;
    return true;
}

trb_code grpc_status_of_http(int64_t status)
{
    switch (status) {
    case 400: return TRB_INTERNAL;
    case 401: return TRB_UNAUTHENTICATED;
    case 403: return TRB_DENIED;
    case 404: return TRB_UNIMPLEMENTED;
    case 429: case 502: case 503: case 504: return TRB_UNAVAILABLE;
    default: return TRB_UNKNOWN;
    }
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t grpc_text_read(struct trb_slice in, char *to, size_t room)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len && len + 1 < room; i++) {
        bool is_escape = in.at[i] == '%' && i + 2 < in.len && hex(in.at[i + 1]) >= 0 && hex(in.at[i + 2]) >= 0;
        to[len++] = is_escape ? (char)(hex(in.at[i + 1]) << 4 | hex(in.at[i + 2])) : in.at[i];
        i += is_escape ? 2 : 0;
    }
    to[len] = 0;
    return len;
}

/* At most eight digits: milliseconds reach a day, seconds what is longer. */
size_t grpc_timeout_write(int64_t ns, char to[16])
{
    int64_t ms = ns < 1000000 ? 1 : ns / 1000000 + (ns % 1000000 != 0);   /* rounded up: the caller is first to see that it is over */
    bool is_short = ms < 100000000;
    int64_t s = ms / 1000 < 99999999 ? ms / 1000 : 99999999;
    return (size_t)snprintf(to, 16, "%lld%c", (long long)(is_short ? ms : s), is_short ? 'm' : 'S');
}
