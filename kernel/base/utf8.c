/* utf8: single code points, and which of them people can see. */
#include <base/utf8.h>

size_t utf8_read(struct trb_slice s, uint32_t *ret_rune)
{
    const uint8_t *at = (const uint8_t *)s.at;
    uint8_t c = at[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!n || n > s.len)
        return 0;
    uint32_t rune = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        rune = rune << 6 | (at[i] & 0x3fu);
    }
    if ((n == 3 && (rune < 0x800 || (rune >= 0xd800 && rune < 0xe000))) ||
        (n == 4 && (rune < 0x10000 || rune > 0x10ffff)))
        return 0;
    *ret_rune = rune;
    return n;
}

size_t utf8_write(uint32_t rune, char ret_bytes[4])
{
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
        rune = 0xfffd;
    if (rune < 0x80) {
        ret_bytes[0] = (char)rune;
        return 1;
    }
    size_t n = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, rune >>= 6)
        ret_bytes[i] = (char)(0x80 | (rune & 0x3f));
    ret_bytes[0] = (char)((0xf00u >> n & 0xf0) | rune);
    return n;
}

bool utf8_is_print(uint32_t rune)
{
    static const struct {
        uint32_t from, to;
    } hidden[] = {
        {0x00, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd},
        {0x70f, 0x70f}, {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f},
        {0x205f, 0x206f}, {0x3000, 0x3000}, {0xd800, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb},
        {0xfffe, 0xffff}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0] && rune >= hidden[i].from; i++)
        if (rune <= hidden[i].to)
            return false;
    return true;
}
