/* dns: names and reading. Writing is dns_write.c. */
#include "dns.h"
#include <string.h>

#define LABEL 63u
#define HEADER 12u

/* --------------------------------------------------------------------------------------- names */
static bool add_label(struct dns_name *n, const char *at, size_t len)
{
    if (!len || len > LABEL || n->len + len + 2 > DNS_NAME)
        return false;
    n->at[n->len++] = (uint8_t)len;
    memcpy(n->at + n->len, at, len);
    n->len = (uint8_t)(n->len + len);
    return true;
}

bool dns_name_from(struct trb_slice text, struct dns_name *ret)
{
    size_t begin = 0;
    ret->len = 0;
    if (text.len && text.at[text.len - 1] == '.')
        text.len--;
    for (size_t i = 0; i <= text.len; i++)
        if (i == text.len || text.at[i] == '.') {
            if (!add_label(ret, text.at + begin, i - begin))
                return false;
            begin = i + 1;
        }
    ret->at[ret->len++] = 0;
    return true;
}

bool dns_name_is(const struct dns_name *a, const struct dns_name *b)
{
    return a->len == b->len && !memcmp(a->at, b->at, a->len);
}

bool dns_name_ends(const struct dns_name *n, const struct dns_name *with)
{
    size_t at = 0;
    while (at < n->len) {
        if ((size_t)n->len - at == with->len)
            return !memcmp(n->at + at, with->at, with->len);
        at += (size_t)n->at[at] + 1;
    }
    return false;
}

/* ------------------------------------------------------------------------------------- reading */
static const uint8_t *bytes_of(struct trb_slice message)
{
    return (const uint8_t *)message.at;
}

static uint16_t u16_at(struct trb_slice message, size_t at)
{
    const uint8_t *b = bytes_of(message) + at;
    return (uint16_t)(b[0] << 8 | b[1]);
}

/* A pointer goes strictly backwards, before everything read so far: no message can hold us. */
bool dns_read_name_at(struct trb_slice message, size_t at, struct dns_name *ret, size_t *ret_next)
{
    const uint8_t *b = bytes_of(message);
    size_t lowest = at;
    bool jumped = false;
    ret->len = 0;
    for (;;) {
        if (at >= message.len)
            return false;
        uint8_t len = b[at];
        if ((len & 0xc0) == 0xc0) {
            if (at + 2 > message.len)
                return false;
            size_t to = u16_at(message, at) & 0x3fff;
            if (!jumped)
                *ret_next = at + 2;
            jumped = true;
            if (to >= lowest)
                return false;
            at = lowest = to;
        } else if (len > LABEL || at + 1 + len > message.len) {
            return false;
        } else if (!len) {
            if (!jumped)
                *ret_next = at + 1;
            ret->at[ret->len++] = 0;
            return true;
        } else {
            if (!add_label(ret, message.at + at + 1, len))
                return false;
            at += 1u + len;
        }
    }
}

bool dns_read(struct trb_slice message, struct dns_reader *ret, struct dns_header *ret_header)
{
    if (message.len < HEADER || message.len > DNS_MESSAGE)
        return false;
    *ret_header = (struct dns_header){u16_at(message, 0), u16_at(message, 2), u16_at(message, 4),
                                      u16_at(message, 6), u16_at(message, 8), u16_at(message, 10)};
    *ret = (struct dns_reader){message, HEADER};
    return (uint32_t)ret_header->questions + ret_header->answers + ret_header->authorities + ret_header->additionals <=
           DNS_RECORDS;
}

bool dns_read_question(struct dns_reader *r, struct dns_question *ret)
{
    if (!dns_read_name_at(r->message, r->at, &ret->name, &r->at) || r->message.len - r->at < 4)
        return false;
    ret->type = u16_at(r->message, r->at);
    ret->class_ = u16_at(r->message, r->at + 2);
    r->at += 4;
    return true;
}

bool dns_read_record(struct dns_reader *r, struct dns_record *ret)
{
    if (!dns_read_name_at(r->message, r->at, &ret->name, &r->at) || r->message.len - r->at < 10)
        return false;
    ret->type = u16_at(r->message, r->at);
    ret->class_ = u16_at(r->message, r->at + 2);
    ret->ttl = (uint32_t)u16_at(r->message, r->at + 4) << 16 | u16_at(r->message, r->at + 6);
    size_t len = u16_at(r->message, r->at + 8);
    ret->data_at = r->at + 10;
    if (r->message.len - ret->data_at < len)
        return false;
    ret->data = (struct trb_slice){r->message.at + ret->data_at, len};
    r->at = ret->data_at + len;
    return true;
}

bool dns_record_ptr(struct trb_slice message, const struct dns_record *r, struct dns_name *ret)
{
    size_t next;
    return r->type == DNS_PTR && dns_read_name_at(message, r->data_at, ret, &next) && next == r->data_at + r->data.len;
}

bool dns_record_srv(struct trb_slice message, const struct dns_record *r, uint16_t *ret_port, struct dns_name *ret)
{
    size_t next;
    if (r->type != DNS_SRV || r->data.len < 7)
        return false;
    *ret_port = u16_at(message, r->data_at + 4);
    return dns_read_name_at(message, r->data_at + 6, ret, &next) && next == r->data_at + r->data.len;
}

bool dns_record_txt_is(const struct dns_record *r, struct trb_slice text)
{
    size_t at = 0;
    if (r->type != DNS_TXT || !r->data.len)
        return false;
    while (at < r->data.len) {
        size_t len = (uint8_t)r->data.at[at++];
        if (len > r->data.len - at || len != text.len || memcmp(r->data.at + at, text.at, len))
            return false;
        at += len;
    }
    return true;
}
