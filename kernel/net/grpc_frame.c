/* grpc_frame: messages in and out of a stream of bytes, gzip included. See grpc.h. */
#include <net/grpc.h>

#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <string.h>
#include <zlib.h>

#define PREFIX sizeof((struct grpc_reader *)0)->prefix
#define EXPECT_MOST (1024u * 1024)  /* of what a prefix promises, before it has come */
#define GZIP_WINDOW (15 + 16)       /* zlib's way to say: gzip, largest window */
#define INFLATE_PIECE 16384u

void grpc_reader_init(struct grpc_reader *r, size_t max, bool gzip)
{
    *r = (struct grpc_reader){.max = max, .gzip = gzip};
}

void grpc_reader_fini(struct grpc_reader *r)
{
    gather_drop(&r->body);
    r->prefix_len = 0;
}

bool grpc_reader_is_empty(const struct grpc_reader *r)
{
    return r->prefix_len == 0;
}

/* --- gzip ----------------------------------------------------------------------------------- */
static trb_code is_broken(struct trb_error *err, const char *why)
{
    return error_set(err, TRB_INTERNAL, "GRPC_GZIP", "grpc: failed to decompress the received message: %s",
                     why);
}

/* One pass over the input; a file of several members is one message. */
static trb_code inflate_all(z_stream *z, size_t max, struct gather *out, struct trb_error *err)
{
    char piece[INFLATE_PIECE];
    for (;;) {
        z->next_out = (Bytef *)piece;
        z->avail_out = sizeof piece;
        int result = inflate(z, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return is_broken(err, z->msg ? z->msg : "gzip: invalid data");
        if (!gather_add(out, slice_from(piece, sizeof piece - z->avail_out), max ? max : SIZE_MAX))
            return error_set(err, TRB_EXHAUSTED, "GRPC_MESSAGE_TOO_LARGE",
                             "grpc: received message after decompression larger than max %zu", max);
        if (result == Z_STREAM_END) {
            if (!z->avail_in)
                return TRB_OK;
            inflateReset(z);
        } else if (z->avail_out && !z->avail_in) {
            return is_broken(err, "unexpected EOF");
        }
    }
}

static trb_code inflate_message(struct trb_slice packed, size_t max, struct trb_buf **ret_message,
                                struct trb_error *err)
{
    z_stream z = {.next_in = (Bytef *)packed.at, .avail_in = (uInt)packed.len};
    struct gather out = {0};
    check(packed.len <= UINT32_MAX && inflateInit2(&z, GZIP_WINDOW) == Z_OK);
    trb_code code = inflate_all(&z, max, &out, err);
    inflateEnd(&z);
    if (code)
        gather_drop(&out);
    else
        *ret_message = gather_finish(&out);
    return code;
}

/* Returns the packed length. */
static size_t deflate_message(struct trb_slice message, char *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)message.at, .avail_in = (uInt)message.len,
                  .next_out = (Bytef *)to, .avail_out = (uInt)room};
    check(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    check(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t deflate_bound(size_t len)
{
    return len + (len >> 8) + 128;  /* stored blocks of the smallest size, gzip's header and trailer */
}

/* --- in ------------------------------------------------------------------------------------- */
static size_t length_of(const struct grpc_reader *r)
{
    const uint8_t *p = r->prefix;
    return (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
}

static trb_code check_prefix(struct grpc_reader *r, struct trb_error *err)
{
    r->want = length_of(r);
    if (r->max && r->want > r->max)
        return error_set(err, TRB_EXHAUSTED, "GRPC_MESSAGE_TOO_LARGE",
                         "grpc: received message larger than max (%zu vs. %zu)", r->want, r->max);
    if (r->prefix[0] > 1)
        return error_set(err, TRB_INTERNAL, "GRPC_BAD_FRAME",
                         "grpc: received unexpected payload format %u", (unsigned)r->prefix[0]);
    if (r->prefix[0] && !r->gzip)
        return error_set(err, TRB_INTERNAL, "GRPC_NO_ENCODING",
                         "grpc: compressed flag set with identity or empty encoding");
    return TRB_OK;
}

static void take_prefix(struct grpc_reader *r, struct trb_slice *piece)
{
    size_t n = PREFIX - r->prefix_len;
    if (n > piece->len)
        n = piece->len;
    memcpy(r->prefix + r->prefix_len, piece->at, n);
    r->prefix_len += (uint32_t)n;
    *piece = slice_skip(*piece, n);
}

/* The message is there, in one piece. */
static trb_code give_slice(struct grpc_reader *r, struct trb_slice message, struct trb_buf **ret_message,
                           struct trb_error *err)
{
    bool is_packed = r->prefix[0];
    r->prefix_len = 0;
    if (is_packed)
        return inflate_message(message, r->max, ret_message, err);
    *ret_message = buf_copy(message);
    return TRB_OK;
}

static trb_code give_gathered(struct grpc_reader *r, struct trb_buf **ret_message, struct trb_error *err)
{
    struct trb_buf *whole = gather_finish(&r->body);
    trb_code code = TRB_OK;
    if (r->prefix[0]) {
        code = give_slice(r, buf_bytes(whole), ret_message, err);
        buf_unref(whole);
    } else {
        *ret_message = whole;
        r->prefix_len = 0;
    }
    return code;
}

trb_code grpc_reader_take(struct grpc_reader *r, struct trb_slice *piece, struct trb_buf **ret_message,
                          struct trb_error *err)
{
    *ret_message = NULL;
    if (r->prefix_len < PREFIX) {
        take_prefix(r, piece);
        if (r->prefix_len < PREFIX)
            return TRB_OK;
        trb_code code = check_prefix(r, err);
        if (code)
            return code;
        if (piece->len >= r->want) {
            struct trb_slice message = slice_cut(*piece, r->want);
            *piece = slice_skip(*piece, r->want);
            return give_slice(r, message, ret_message, err);
        }
        gather_expect(&r->body, r->want < EXPECT_MOST ? r->want : EXPECT_MOST);
    }
    struct trb_slice part = slice_cut(*piece, r->want - r->body.len);
    *piece = slice_skip(*piece, part.len);
    (void)gather_add(&r->body, part, r->want);
    return r->body.len == r->want ? give_gathered(r, ret_message, err) : TRB_OK;
}

/* --- out ------------------------------------------------------------------------------------ */
static void put_prefix(char *to, bool is_packed, size_t len)
{
    check(len <= UINT32_MAX);
    to[0] = is_packed;
    to[1] = (char)(len >> 24);
    to[2] = (char)(len >> 16);
    to[3] = (char)(len >> 8);
    to[4] = (char)len;
}

void grpc_frame_prefix(char to[GRPC_PREFIX], size_t len)
{
    put_prefix(to, false, len);
}

struct trb_buf *grpc_frame(struct trb_slice message, bool gzip)
{
    bool is_packed = gzip && message.len;
    size_t room = is_packed ? deflate_bound(message.len) : message.len, len = message.len;
    char *bytes;
    struct trb_buf *frame = buf_new(PREFIX + room, &bytes);
    if (is_packed) {
        len = deflate_message(message, bytes + PREFIX, room);
        buf_shorten(frame, PREFIX + len);
    } else if (len) {
        memcpy(bytes + PREFIX, message.at, len);
    }
    put_prefix(bytes, is_packed, len);
    return frame;
}
