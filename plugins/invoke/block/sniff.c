/* sniff: tags, signatures, then text or binary. */
#include "sniff.h"
#include <base/slice.h>
#include <stdbool.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* A tag ends in a blank or '>'. */
static bool is_html(struct trb_slice s)
{
    static const char *const tags[] = {"<!DOCTYPE HTML", "<HTML", "<HEAD", "<SCRIPT", "<IFRAME", "<H1", "<DIV", "<FONT",
                                       "<TABLE", "<A", "<STYLE", "<TITLE", "<B", "<BODY", "<BR", "<P", NULL};
    for (const char *const *tag = tags; *tag; tag++) {
        size_t len = strlen(*tag);
        if (slice_starts_nocase(s, slice_of(*tag)) && s.len > len && (s.at[len] == ' ' || s.at[len] == '>'))
            return true;
    }
    return slice_starts(s, SLICE("<!--"));
}

struct signature {
    struct trb_slice begins, type;
};

static const struct signature signatures[] = {
#define IS(bytes, mime) {{bytes, sizeof bytes - 1}, {mime, sizeof mime - 1}}
    IS("%PDF-", "application/pdf"), IS("%!PS-Adobe-", "application/postscript"),
    IS("\xfe\xff", "text/plain; charset=utf-16be"), IS("\xff\xfe", "text/plain; charset=utf-16le"),
    IS("\xef\xbb\xbf", "text/plain; charset=utf-8"), IS("GIF87a", "image/gif"), IS("GIF89a", "image/gif"),
    IS("\x89PNG\r\n\x1a\n", "image/png"), IS("\xff\xd8\xff", "image/jpeg"), IS("BM", "image/bmp"),
    IS("OggS\0", "application/ogg"), IS("MThd\0\0\0\6", "audio/midi"), IS("ID3", "audio/mpeg"),
    IS("\x1a\x45\xdf\xa3", "video/webm"), IS("\0\1\0\0", "font/ttf"), IS("OTTO", "font/otf"), IS("wOFF", "font/woff"),
    IS("wOF2", "font/woff2"), IS("\x1f\x8b\x08", "application/x-gzip"), IS("PK\3\4", "application/zip"),
    IS("Rar!\x1a\7\0", "application/x-rar-compressed"), IS("\0asm", "application/wasm"),
    IS("\0\0\1\0", "image/x-icon"), IS("\0\0\2\0", "image/x-icon"),
#undef IS
};

static bool is_binary(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c <= 8 || c == 0x0b || (c >= 0x0e && c <= 0x1a) || (c >= 0x1c && c <= 0x1f))
            return true;
    }
    return false;
}

struct trb_slice sniff(struct trb_slice first)
{
    struct trb_slice s = slice_cut(first, SNIFF_BYTES), text = s;
    while (text.len && is_blank(text.at[0]))
        text = slice_skip(text, 1);
    if (is_html(text))
        return SLICE("text/html; charset=utf-8");
    if (slice_starts(text, SLICE("<?xml")))
        return SLICE("text/xml; charset=utf-8");
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        if (slice_starts(s, signatures[i].begins))
            return signatures[i].type;
    if (s.len >= 12 && slice_starts(s, SLICE("RIFF")) && !memcmp(s.at + 8, "WEBPVP", s.len >= 14 ? 6 : 4))
        return SLICE("image/webp");
    return is_binary(s) ? SLICE("application/octet-stream") : SLICE("text/plain; charset=utf-8");
}
