/* slot: CRC-16/XMODEM of a key, or of the part between its first braces, so that keys can be kept together. */
#include <base/slice.h>
#include <redis/cluster.h>

static uint16_t crc16(struct trb_slice bytes)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint16_t)((unsigned char)bytes.at[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

uint32_t redis_slot(struct trb_slice key)
{
    const char *open = key.len ? memchr(key.at, '{', key.len) : NULL;
    const char *close = open ? memchr(open, '}', key.len - (size_t)(open - key.at)) : NULL;
    if (close && close > open + 1)
        key = slice_from(open + 1, (size_t)(close - open) - 1);
    return crc16(key) % REDIS_SLOTS;
}
