/* proxy_scan: see proxy_scan.h. */
#include <base/error.h>
#include <base/slice.h>
#include <channel/proxy_scan.h>

void proxy_scan_init(struct proxy_scan *s, uint64_t max, struct trb_slice encoding, bool is_answer)
{
    *s = (struct proxy_scan){.max = max, .encoding = encoding, .is_answer = is_answer,
                             .is_gzip = slice_is(encoding, SLICE("gzip"))};
    grpc_reader_init(&s->reader, (size_t)max, true);
}

void proxy_scan_fini(struct proxy_scan *s)
{
    grpc_reader_fini(&s->reader);
    s->unpacked = buf_unref(s->unpacked);
}

bool proxy_scan_is_whole(const struct proxy_scan *s)
{
    return !s->left && !s->have && !s->is_packed;
}

/* --------------------------------------------------------------------------------- the prefix */
static uint64_t length_in(const char *prefix)
{
    const uint8_t *p = (const uint8_t *)prefix;
    return (uint64_t)p[1] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 8 | p[4];
}

static trb_code refuse_packed(const struct proxy_scan *s, struct trb_error *err)
{
    if (!s->encoding.len || slice_is(s->encoding, SLICE("identity")))
        return error_set(err, TRB_INTERNAL, "GRPC_NO_ENCODING",
                         "grpc: compressed flag set with identity or empty encoding");
    return error_set(err, s->is_answer ? TRB_INTERNAL : TRB_UNIMPLEMENTED, "GRPC_ENCODING",
                     "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"", SLICE_ARG(s->encoding));
}

static trb_code check_prefix(const struct proxy_scan *s, const char *prefix, struct trb_error *err)
{
    uint64_t length = length_in(prefix);
    if (s->max && length > s->max)
        return error_set(err, TRB_EXHAUSTED, "GRPC_MESSAGE_TOO_LARGE", "grpc: %s message larger than max (%llu vs. %llu)",
                         s->is_answer ? "trying to send" : "received", (unsigned long long)length,
                         (unsigned long long)s->max);
    if ((uint8_t)prefix[0] > 1)
        return error_set(err, TRB_INTERNAL, "GRPC_BAD_FRAME", "grpc: received unexpected payload format %u",
                         (unsigned)(uint8_t)prefix[0]);
    return prefix[0] && !s->is_gzip ? refuse_packed(s, err) : TRB_OK;
}

/* ------------------------------------------------------------------------------------- packed */
static trb_code unpack(struct proxy_scan *s, struct trb_slice *bytes, struct trb_data *ret_pass, struct trb_error *err)
{
    struct trb_buf *message;
    trb_code code = grpc_reader_take(&s->reader, bytes, &message, err);
    if (code || !message)
        return code;
    s->is_packed = false;
    s->unpacked = grpc_frame(buf_bytes(message), false);
    buf_unref(message);
    *ret_pass = buf_data(s->unpacked);
    return TRB_OK;
}

/* --------------------------------------------------------------------------------- the pieces */
static void move(struct trb_data *piece, size_t n)
{
    piece->at += n;
    piece->len -= n;
}

static trb_code take_packed(struct proxy_scan *s, struct trb_data *piece, struct trb_data *ret_pass,
                            struct trb_error *err)
{
    struct trb_slice bytes = slice_from(piece->at, piece->len);
    trb_code code = unpack(s, &bytes, ret_pass, err);
    move(piece, piece->len - bytes.len);
    return code;
}

/* The prefix is whole, in s->prefix. */
static trb_code begin_message(struct proxy_scan *s, struct trb_data *ret_pass, struct trb_error *err)
{
    struct trb_slice prefix = slice_from(s->prefix, GRPC_PREFIX);
    trb_code code = check_prefix(s, s->prefix, err);
    if (code)
        return code;
    s->have = 0;
    s->is_packed = s->prefix[0];
    if (s->is_packed)
        return unpack(s, &prefix, ret_pass, err);
    s->left = length_in(s->prefix);
    *ret_pass = (struct trb_data){s->prefix, GRPC_PREFIX, NULL};
    return TRB_OK;
}

static trb_code take_prefix(struct proxy_scan *s, struct trb_data *piece, struct trb_data *ret_pass,
                            struct trb_error *err)
{
    size_t n = GRPC_PREFIX - s->have;
    if (n > piece->len)
        n = piece->len;
    memcpy(s->prefix + s->have, piece->at, n);
    s->have += (uint32_t)n;
    move(piece, n);
    return s->have == GRPC_PREFIX ? begin_message(s, ret_pass, err) : TRB_OK;
}

/* Bytes of piece that pass as they are: whole messages, and what is there of the one under way. */
static size_t count_plain(struct proxy_scan *s, const struct trb_data *piece)
{
    size_t n = 0;
    while (n < piece->len) {
        const char *at = piece->at + n;
        size_t rest = piece->len - n;
        if (s->left) {
            size_t part = s->left < rest ? (size_t)s->left : rest;
            s->left -= part;
            n += part;
        } else if (rest < GRPC_PREFIX || at[0] || check_prefix(s, at, NULL)) {
            break;                      /* looked at alone when it is its turn */
        } else {
            s->left = length_in(at);
            n += GRPC_PREFIX;
        }
    }
    return n;
}

trb_code proxy_scan_take(struct proxy_scan *s, struct trb_data *piece, struct trb_data *ret_pass, struct trb_error *err)
{
    *ret_pass = (struct trb_data){NULL, 0, NULL};
    s->unpacked = buf_unref(s->unpacked);
    if (s->is_packed)
        return take_packed(s, piece, ret_pass, err);
    size_t plain = s->have ? 0 : count_plain(s, piece);
    if (!plain)
        return take_prefix(s, piece, ret_pass, err);
    *ret_pass = (struct trb_data){piece->at, plain, piece->owner};
    move(piece, plain);
    return TRB_OK;
}
