/* inflate: gzip answers of the app that only we asked for are handed on plain. */
#include <base/buf.h>
#include <base/mem.h>
#include <channel/outgoing.h>
#include <zlib.h>

#define PIECE 16384

struct inflate {
    z_stream z;
    bool owes, has_begun, has_ended;
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

bool inflate_owes(const struct inflate *i)
{
    return i->owes;
}

bool inflate_is_whole(const struct inflate *i)
{
    return i->has_ended || !i->has_begun;
}

size_t inflate_feed(struct inflate *i, struct trb_slice from, bool (*give)(void *, struct trb_buf *), void *arg)
{
    int code = Z_OK;
    bool goes_on = true;
    i->z.next_in = (Bytef *)(uintptr_t)from.at;
    i->z.avail_in = (uInt)from.len;
    i->has_begun |= from.len > 0;
    while (goes_on && code == Z_OK && !i->has_ended && (i->z.avail_in || i->owes)) {
        char *room;
        struct trb_buf *piece = buf_new(PIECE, &room);
        i->z.next_out = (Bytef *)room;
        i->z.avail_out = PIECE;
        code = inflate(&i->z, Z_SYNC_FLUSH);
        i->owes = code == Z_OK && !i->z.avail_out;
        i->has_ended = code == Z_STREAM_END;
        buf_shorten(piece, PIECE - i->z.avail_out);
        if (buf_bytes(piece).len)
            goes_on = give(arg, piece);
        else
            buf_unref(piece);
    }
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return SIZE_MAX;
    return i->has_ended ? from.len : from.len - i->z.avail_in;
}
