/* dns_write: building a message. A name that stands in the message already is pointed at. */
#include "dns.h"
#include <string.h>

#define POINTABLE 0x4000u

static void put(struct dns_writer *w, const void *at, size_t len)
{
    if (len > sizeof w->at - w->len) {
        w->is_full = true;
        return;
    }
    memcpy(w->at + w->len, at, len);
    w->len += len;
}

static void put16(struct dns_writer *w, uint32_t value)
{
    uint8_t b[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(w, b, 2);
}

static void put32(struct dns_writer *w, uint32_t value)
{
    put16(w, value >> 16);
    put16(w, value & 0xffff);
}

/* Does the name at a known place, followed through its pointers, read like this one? */
static bool stands_at(const struct dns_writer *w, size_t place, const uint8_t *name, size_t len)
{
    struct dns_name there;
    size_t next;
    struct trb_slice message = {(const char *)w->at, w->len};
    return dns_read_name_at(message, place, &there, &next) && there.len == len && !memcmp(there.at, name, len);
}

static bool find(const struct dns_writer *w, const uint8_t *name, size_t len, size_t *ret_place)
{
    for (uint32_t i = 0; i < w->known_count; i++)
        if (stands_at(w, w->known[i], name, len)) {
            *ret_place = w->known[i];
            return true;
        }
    return false;
}

static void note(struct dns_writer *w, size_t at)
{
    if (at < POINTABLE && w->known_count < sizeof w->known / sizeof w->known[0])
        w->known[w->known_count++] = (uint16_t)at;
}

/* plain: written out in full (a target of SRV), but others may point at it. */
static void put_name(struct dns_writer *w, const struct dns_name *n, bool plain)
{
    size_t at = 0, place, starts[DNS_NAME / 2], start_count = 0;
    while (n->at[at]) {
        size_t left = (size_t)n->len - at;
        if (!plain && w->compresses && find(w, n->at + at, left, &place)) {
            put16(w, (uint32_t)(0xc000 | place));
            break;
        }
        starts[start_count++] = w->len;
        put(w, n->at + at, (size_t)n->at[at] + 1);
        at += (size_t)n->at[at] + 1;
    }
    if (!n->at[at])
        put(w, "", 1);
    for (size_t i = 0; i < start_count; i++)
        note(w, starts[i]);
}

void dns_write(struct dns_writer *w, uint16_t id, uint16_t flags, bool compresses)
{
    memset(w->counts, 0, sizeof w->counts);
    w->len = 0;
    w->known_count = 0;
    w->is_full = false;
    w->compresses = compresses;
    put16(w, id);
    put16(w, flags);
    put32(w, 0);
    put32(w, 0);
}

void dns_write_question(struct dns_writer *w, const struct dns_name *name, uint16_t type, uint16_t class_)
{
    put_name(w, name, false);
    put16(w, type);
    put16(w, class_);
    w->counts[DNS_QUESTION]++;
}

/* Returns where the length of the data stands. */
static size_t begin(struct dns_writer *w, uint32_t section, const struct dns_name *name, uint32_t type, uint32_t class_,
                    uint32_t ttl)
{
    put_name(w, name, false);
    put16(w, type);
    put16(w, class_);
    put32(w, ttl);
    put16(w, 0);
    w->counts[section]++;
    return w->len;
}

static void end(struct dns_writer *w, size_t data_at)
{
    size_t len = w->len - data_at;
    if (w->is_full)
        return;
    w->at[data_at - 2] = (uint8_t)(len >> 8);
    w->at[data_at - 1] = (uint8_t)len;
}

void dns_write_ptr(struct dns_writer *w, uint32_t section, const struct dns_name *name, uint16_t class_, uint32_t ttl,
                   const struct dns_name *to)
{
    size_t at = begin(w, section, name, DNS_PTR, class_, ttl);
    put_name(w, to, false);
    end(w, at);
}

void dns_write_srv(struct dns_writer *w, uint32_t section, const struct dns_name *name, uint16_t class_, uint32_t ttl,
                   uint16_t port, const struct dns_name *host)
{
    size_t at = begin(w, section, name, DNS_SRV, class_, ttl);
    put32(w, 0);
    put16(w, port);
    put_name(w, host, true);
    end(w, at);
}

void dns_write_txt(struct dns_writer *w, uint32_t section, const struct dns_name *name, uint16_t class_, uint32_t ttl,
                   struct trb_slice text)
{
    size_t at = begin(w, section, name, DNS_TXT, class_, ttl);
    uint8_t len = (uint8_t)(text.len < 255 ? text.len : 255);
    put(w, &len, 1);
    put(w, text.at, len);
    end(w, at);
}

void dns_write_address(struct dns_writer *w, uint32_t section, const struct dns_name *name, uint16_t class_, uint32_t ttl,
                       struct trb_slice bytes)
{
    size_t at = begin(w, section, name, bytes.len == 4 ? DNS_A : DNS_AAAA, class_, ttl);
    put(w, bytes.at, bytes.len);
    end(w, at);
}

struct trb_slice dns_finish(struct dns_writer *w)
{
    if (w->is_full)
        return (struct trb_slice){NULL, 0};
    for (uint32_t i = 0; i < 4; i++) {
        w->at[4 + 2 * i] = (uint8_t)(w->counts[i] >> 8);
        w->at[5 + 2 * i] = (uint8_t)w->counts[i];
    }
    return (struct trb_slice){(const char *)w->at, w->len};
}
