/* config: a host is host, host:port, [v6]:port or a path; its place in the list counts. */
#include "config.h"
#include <base/slice.h>

#define BAD "BAD_OPTION"
#define DEFAULT_PORT 11211u
#define DEFAULT_TIMEOUT_MS 1000
#define ZERO_TIMEOUT_MS 500                     /* what the Go client takes for a timeout of 0 */

static bool split(struct trb_slice text, struct trb_slice *ret_host, struct trb_slice *ret_port)
{
    *ret_host = text;
    *ret_port = (struct trb_slice){0};
    const char *colon = memrchr(text.at, ':', text.len);
    if (text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.len);
        if (!end || (end + 1 != text.at + text.len && end + 1 != colon))
            return false;
        *ret_host = slice_from(text.at + 1, (size_t)(end - text.at) - 1);
        if (end + 1 == colon)
            *ret_port = slice_skip(text, (size_t)(colon - text.at) + 1);
    } else if (colon && !memchr(text.at, ':', (size_t)(colon - text.at))) {
        *ret_host = slice_cut(text, (size_t)(colon - text.at));
        *ret_port = slice_skip(text, ret_host->len + 1);
    }
    return ret_host->len > 0;
}

static void keep(struct address *to, struct trb_slice text, const char *scheme, struct trb_slice host, uint64_t port)
{
    snprintf(to->host, sizeof to->host, "%s%.*s", scheme, SLICE_ARG(host));
    snprintf(to->text, sizeof to->text, "%.*s", SLICE_ARG(text));
    to->port = (uint32_t)port;
}

static trb_code add(struct config *c, struct trb_slice text, struct trb_error *err)
{
    struct trb_slice host, port;
    uint64_t number = DEFAULT_PORT;
    if (c->address_count == MAX_HOSTS)
        return trb_error(err, TRB_INVALID, BAD, "hosts: at most %u servers are taken", MAX_HOSTS);
    struct address *to = &c->addresses[c->address_count];
    bool is_path = memchr(text.at, '/', text.len);
    if (text.len > 240 || (!is_path && !split(text, &host, &port)))
        return trb_error(err, TRB_INVALID, BAD, "hosts: '%.*s' is not host:port or a path", SLICE_ARG(slice_cut(text, 300)));
    if (!is_path && port.at && (!slice_to_u64(port, &number) || !number || number > 65535))
        return trb_error(err, TRB_INVALID, BAD, "hosts: '%.*s' has no port between 1 and 65535", SLICE_ARG(text));
    c->address_count++;
    if (is_path)
        keep(to, text, "unix:", slice_starts(text, SLICE("unix:")) ? slice_skip(text, 5) : text, 0);
    else
        keep(to, text, "", host, number);
    return TRB_OK;
}

trb_code config_check(struct config *c, struct trb_error *err)
{
    struct trb_slice rest = slice_trim(slice_of(c->hosts));
    int64_t ms = c->timeout_ms < 0 ? DEFAULT_TIMEOUT_MS : c->timeout_ms ? c->timeout_ms : ZERO_TIMEOUT_MS;
    c->timeout_ns = ms * MS;
    c->address_count = 0;
    while (rest.at) {
        struct trb_slice one = slice_trim(slice_split(&rest, ','));
        trb_code code = one.len ? add(c, one, err) : TRB_OK;
        if (code)
            return code;
    }
    return c->address_count ? TRB_OK : trb_error(err, TRB_INVALID, BAD, "hosts: no server is given");
}

/* Bit by bit of a nibble: the reflected polynomial 0xedb88320. */
static uint32_t crc32_ieee(struct trb_slice s)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = ~0u;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= (unsigned char)s.at[i];
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}

uint32_t config_pick(const struct config *c, struct trb_slice key)
{
    return c->address_count == 1 ? 0 : crc32_ieee(key) % c->address_count;
}
