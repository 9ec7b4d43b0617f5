/* inflate: gzip answers of the app that only we asked for are handed on plain. */
#include <base/buf.h>
#include <base/mem.h>
#include <channel/outgoing.h>
#include <zlib.h>

#define PIECE 16384

struct inflate {
    z_stream z;
};

struct inflate *inflate_create(void)
{
    struct inflate *i = mem_zero(sizeof *i);
    if (inflateInit2(&i->z, 16 + MAX_WBITS) == Z_OK)
        return i;
    return mem_free(i);
}

struct inflate *inflate_destroy(struct inflate *i)
{
    if (i)
        inflateEnd(&i->z);
    return mem_free(i);
}

bool inflate_feed(struct inflate *i, struct trb_slice from, void (*give)(void *, struct trb_buf *), void *arg)
{
    i->z.next_in = (Bytef *)(uintptr_t)from.at;
    i->z.avail_in = (uInt)from.len;
    for (int code = Z_OK; code == Z_OK && (i->z.avail_in || !i->z.avail_out);) {
        char *room;
        struct trb_buf *piece = buf_new(PIECE, &room);
        i->z.next_out = (Bytef *)room;
        i->z.avail_out = PIECE;
        code = inflate(&i->z, Z_SYNC_FLUSH);
        buf_shorten(piece, PIECE - i->z.avail_out);
        if (buf_bytes(piece).len)
            give(arg, piece);
        else
            buf_unref(piece);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return false;
    }
    return true;
}
