/* grpc_status: what travels in headers: statuses, their texts, timeouts, content types. See grpc.h. */
#include <net/grpc.h>

#include <base/check.h>
#include <base/codec.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <net/http_class.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#define MAX_DIGITS 8
#define MAX_VALUE 99999999u

/* --- timeouts ------------------------------------------------------------------------------- */
static const struct {
    char letter;
    uint64_t ns;
} units[] = {{'n', 1},           {'u', 1000},          {'m', 1000000},
             {'S', 1000000000},  {'M', 60000000000u},  {'H', 3600000000000u}};

static trb_code is_malformed(struct trb_error *err, const char *why, struct trb_slice s)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, slice_cut(s, 64));
    trb_code code = error_set(err, TRB_INTERNAL, "GRPC_TIMEOUT", "malformed grpc-timeout: transport: %s: %.*s",
                              why, SLICE_ARG(text_slice(&quoted)));
    text_fini(&quoted);
    return code;
}

static uint64_t unit_of(char letter)
{
    for (size_t i = 0; i < countof(units); i++)
        if (units[i].letter == letter)
            return units[i].ns;
    return 0;
}

trb_code grpc_timeout_parse(struct trb_slice s, uint64_t *ret_ns, struct trb_error *err)
{
    if (s.len < 2)
        return is_malformed(err, "timeout string is too short", s);
    if (s.len > MAX_DIGITS + 1)
        return is_malformed(err, "timeout string is too long", s);
    uint64_t unit = unit_of(s.at[s.len - 1]), value;
    if (!unit)
        return is_malformed(err, "timeout unit is not recognized", s);
    if (!slice_to_u64(slice_cut(s, s.len - 1), &value))
        return is_malformed(err, "timeout is no number", s);
    *ret_ns = value > INT64_MAX / unit ? INT64_MAX : value * unit;
    return TRB_OK;
}

size_t grpc_timeout_text(uint64_t ns, char ret_text[16])
{
    size_t i = 0;
    uint64_t value = ns;
    while (value > MAX_VALUE && i + 1 < countof(units)) {
        i++;
        value = ns / units[i].ns + (ns % units[i].ns != 0);
    }
    if (value > MAX_VALUE)
        value = MAX_VALUE;
    return (size_t)snprintf(ret_text, 16, "%u%c", (unsigned)value, units[i].letter);
}

/* --- texts ---------------------------------------------------------------------------------- */
static bool is_plain(char c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

struct trb_name grpc_message_encode(struct arena *arena, struct trb_slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t escapes = 0;
    for (size_t i = 0; i < s.len; i++)
        escapes += !is_plain(s.at[i]);
    if (!escapes)
        return arena_name(arena, s);
    char *start = arena_alloc(arena, s.len + 2 * escapes + 1), *to = start;
    for (size_t i = 0; i < s.len; i++) {
        if (is_plain(s.at[i])) {
            *to++ = s.at[i];
            continue;
        }
        *to++ = '%';
        *to++ = digits[(uint8_t)s.at[i] >> 4];
        *to++ = digits[(uint8_t)s.at[i] & 15];
    }
    *to = 0;
    return (struct trb_name){start, (size_t)(to - start)};
}

/* Lenient: what is no escape stays as it is. */
struct trb_name grpc_message_decode(struct arena *arena, struct trb_slice s)
{
    char *start = arena_alloc(arena, s.len + 1), *to = start;
    for (size_t i = 0; i < s.len; i++) {
        bool is_escape = s.at[i] == '%' && i + 2 < s.len && http_hex(s.at[i + 1]) >= 0 &&
                         http_hex(s.at[i + 2]) >= 0;
        if (!is_escape) {
            *to++ = s.at[i];
            continue;
        }
        *to++ = (char)(http_hex(s.at[i + 1]) << 4 | http_hex(s.at[i + 2]));
        i += 2;
    }
    *to = 0;
    return (struct trb_name){start, (size_t)(to - start)};
}

bool grpc_is_content_type(struct trb_slice s)
{
    struct trb_slice base = SLICE("application/grpc");
    if (!slice_starts_nocase(s, base))
        return false;
    char next = s.len > base.len ? s.at[base.len] : ';';
    return next == '+' || next == ';';
}

/* --- statuses ------------------------------------------------------------------------------- */
void grpc_status_add(struct arena *arena, struct http_headers *trailers, const struct trb_error *err)
{
    trb_code code = err ? err->code : TRB_OK;
    struct trb_slice message = err ? error_text(err) : SLICE("");
    struct trb_slice number = code ? slice_name(arena_printf(arena, "%d", code)) : SLICE("0");
    http_header_add(arena, trailers, SLICE("grpc-status"), number);
    http_header_add(arena, trailers, SLICE("grpc-message"), slice_name(grpc_message_encode(arena, message)));
    if (err && err->details && buf_bytes(err->details).len)
        http_header_add(arena, trailers, SLICE("grpc-status-details-bin"),
                        grpc_bin_encode(arena, buf_bytes(err->details)));
}

/* The status of an answer that is not gRPC's, e.g. a proxy's. */
static trb_code code_of_http(int status)
{
    switch (status) {
    case 400:
        return TRB_INTERNAL;
    case 401:
        return TRB_UNAUTHENTICATED;
    case 403:
        return TRB_DENIED;
    case 404:
        return TRB_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return TRB_UNAVAILABLE;
    default:
        return TRB_UNKNOWN;
    }
}

static trb_code set(struct trb_error *err, trb_code code, const char *reason, struct trb_slice message)
{
    error_set(err, code, reason, "%.*s", SLICE_ARG(message));
    if (!err)
        return code;
    err->retryable = code == TRB_UNAVAILABLE;
    if (message.len >= sizeof err->message && !err->text)
        err->text = buf_copy(message);
    return code;
}

static trb_code read_absent(struct arena *arena, int http_status, struct trb_error *err)
{
    if (http_status == 200)
        return set(err, TRB_INTERNAL, "GRPC_NO_STATUS",
                   SLICE("server closed the stream without sending trailers"));
    struct trb_name text =
        arena_printf(arena, "unexpected HTTP status code received from server: %d (%s)", http_status,
                     http_reason(http_status));
    return set(err, code_of_http(http_status), "GRPC_HTTP_STATUS", slice_name(text));
}

static void read_details(struct trb_slice text, struct trb_error *err)
{
    char *bytes = mem_alloc(text.len * 3 / 4 + 3);
    size_t len;
    if (err && base64_decode(text, true, bytes, &len, NULL) && len)
        err->details = buf_copy(slice_from(bytes, len));
    mem_free(bytes);
}

trb_code grpc_status_read(struct arena *arena, int http_status, const struct http_headers *headers,
                          struct trb_error *err)
{
    struct trb_slice text = http_header_get(headers, SLICE("grpc-status"));
    struct trb_slice details = http_header_get(headers, SLICE("grpc-status-details-bin"));
    uint64_t value;
    if (!text.at)
        return read_absent(arena, http_status, err);
    if (!slice_to_u64(text, &value) || value > INT32_MAX)
        return set(err, TRB_INTERNAL, "GRPC_BAD_STATUS", SLICE("transport: malformed grpc-status"));
    if (!value)
        return TRB_OK;
    struct trb_name message =
        grpc_message_decode(arena, http_header_get(headers, SLICE("grpc-message")));
    set(err, (trb_code)value, "GRPC_STATUS", slice_name(message));
    if (details.len)
        read_details(details, err);
    return (trb_code)value;
}

trb_code grpc_code_of_reset(uint32_t http2_code)
{
    switch (http2_code) {
    case NGHTTP2_REFUSED_STREAM:
        return TRB_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return TRB_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
    case NGHTTP2_FLOW_CONTROL_ERROR:
        return TRB_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return TRB_DENIED;
    default:
        return TRB_INTERNAL;
    }
}
