/* packet: bytes to packets and back. */
#include <base/check.h>
#include <base/slice.h>
#include <mqtt/filter.h>
#include <mqtt/packet.h>

/* -------------------------------------------------------------------------------------- reading */
static uint32_t u16(const char *at)
{
    return (uint32_t)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

/* The length of the head, or MQTT_MORE, MQTT_BROKEN. The shortest form is the only one. */
static int read_remaining(struct trb_slice in, uint32_t *ret_len)
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < 4; i++) {
        if (in.len < i + 2)
            return MQTT_MORE;
        uint8_t byte = (uint8_t)in.at[i + 1];
        len |= (uint32_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80)
            continue;
        if (i && !byte)
            return MQTT_BROKEN;
        *ret_len = len;
        return (int)i + 2;
    }
    return MQTT_BROKEN;
}

static bool read_publish(uint32_t flags, struct trb_slice body, struct mqtt_packet *p)
{
    p->is_dup = flags & 8;
    p->qos = flags >> 1 & 3;
    p->is_retained = flags & 1;
    if (p->qos == 3 || (!p->qos && p->is_dup) || body.len < 2)
        return false;
    uint32_t len = u16(body.at);
    body = slice_skip(body, 2);
    if (len > body.len)
        return false;
    p->topic = slice_cut(body, len);
    body = slice_skip(body, len);
    if (p->qos) {
        if (body.len < 2 || !(p->id = u16(body.at)))
            return false;
        body = slice_skip(body, 2);
    }
    p->payload = body;
    return mqtt_topic_is_valid(p->topic);
}

static bool read_connack(struct trb_slice body, struct mqtt_packet *p)
{
    if (body.len != 2 || (uint8_t)body.at[0] > 1)
        return false;
    p->has_session = body.at[0];
    p->code = (uint8_t)body.at[1];
    return !p->code || !p->has_session;
}

static bool read_suback(struct trb_slice body, struct mqtt_packet *p)
{
    if (body.len < 3 || !(p->id = u16(body.at)))
        return false;
    p->codes = slice_skip(body, 2);
    for (size_t i = 0; i < p->codes.len; i++)
        if ((uint8_t)p->codes.at[i] > 2 && (uint8_t)p->codes.at[i] != MQTT_REFUSED)
            return false;
    return true;
}

static bool read_body(uint32_t flags, struct trb_slice body, struct mqtt_packet *p)
{
    if (p->kind == MQTT_PUBLISH)
        return read_publish(flags, body, p);
    if (flags != (p->kind == MQTT_PUBREL ? 2u : 0u))
        return false;
    switch (p->kind) {
    case MQTT_CONNACK:
        return read_connack(body, p);
    case MQTT_SUBACK:
        return read_suback(body, p);
    case MQTT_PINGRESP:
        return !body.len;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return body.len == 2 && (p->id = u16(body.at));
    default:
        return false;
    }
}

static bool is_servers(uint32_t kind)
{
    return kind >= MQTT_CONNACK && kind <= MQTT_PINGRESP && kind != MQTT_SUBSCRIBE && kind != MQTT_UNSUBSCRIBE &&
           kind != MQTT_PINGREQ;
}

/* A packet that is too long for its kind is not waited for. */
static bool is_plausible(uint32_t kind, uint32_t len)
{
    return kind == MQTT_PUBLISH ? len >= 3 : kind == MQTT_PINGRESP ? !len : kind == MQTT_SUBACK ? len >= 3 : len == 2;
}

int64_t mqtt_read(struct trb_slice in, struct mqtt_packet *p)
{
    uint32_t len = 0;
    *p = (struct mqtt_packet){0};
    if (!in.len)
        return MQTT_MORE;
    p->kind = (uint8_t)in.at[0] >> 4;
    if (!is_servers(p->kind))
        return MQTT_BROKEN;
    int head = read_remaining(in, &len);
    if (head <= 0)
        return head;
    if (!is_plausible(p->kind, len))
        return MQTT_BROKEN;
    if (in.len - (size_t)head < len)
        return MQTT_MORE;
    struct trb_slice body = slice_from(in.at + head, len);
    return read_body((uint8_t)in.at[0] & 15, body, p) ? (int64_t)head + len : MQTT_BROKEN;
}

/* -------------------------------------------------------------------------------------- writing */
static char *put_u16(char *to, uint32_t value)
{
    *to++ = (char)(value >> 8);
    *to++ = (char)value;
    return to;
}

static char *put_head(char *to, uint32_t first, size_t remaining)
{
    check(remaining <= MQTT_MAX_REMAINING);
    *to++ = (char)first;
    do {
        *to++ = (char)((remaining & 0x7f) | (remaining > 0x7f ? 0x80 : 0));
        remaining >>= 7;
    } while (remaining);
    return to;
}

static void add_text(struct text *t, struct trb_slice s)
{
    char len[2];
    check(s.len <= MQTT_MAX_TEXT);
    put_u16(len, (uint32_t)s.len);
    text_add(t, slice_from(len, sizeof len));
    text_add(t, s);
}

static void add_packet(struct text *to, uint32_t first, struct trb_slice body)
{
    char head[5];
    text_add(to, slice_from(head, (size_t)(put_head(head, first, body.len) - head)));
    text_add(to, body);
}

void mqtt_add_connect(struct text *to, const struct mqtt_connect *c)
{
    struct text body = {0};
    char fixed[4] = {4, (char)((c->is_clean ? 2 : 0) | (c->user.at ? 0x80 : 0) | (c->password.at ? 0x40 : 0))};
    put_u16(fixed + 2, c->keep_alive_s);
    add_text(&body, SLICE("MQTT"));
    text_add(&body, slice_from(fixed, sizeof fixed));
    add_text(&body, c->client_id);
    if (c->user.at)
        add_text(&body, c->user);
    if (c->password.at)
        add_text(&body, c->password);
    add_packet(to, MQTT_CONNECT << 4, text_slice(&body));
    text_fini(&body);
}

size_t mqtt_write_publish(char *to, const struct mqtt_packet *p, size_t payload_len)
{
    uint32_t flags = (p->is_dup ? 8u : 0) | p->qos << 1 | (p->is_retained ? 1u : 0);
    char *at = put_head(to, MQTT_PUBLISH << 4 | flags, 2 + p->topic.len + (p->qos ? 2 : 0) + payload_len);
    at = put_u16(at, (uint32_t)p->topic.len);
    memcpy(at, p->topic.at, p->topic.len);
    at += p->topic.len;
    if (p->qos)
        at = put_u16(at, p->id);
    return (size_t)(at - to);
}

size_t mqtt_write_short(char to[MQTT_SHORT], uint32_t kind, uint32_t id)
{
    bool has_id = kind >= MQTT_PUBACK && kind <= MQTT_PUBCOMP;
    char *at = put_head(to, kind << 4 | (kind == MQTT_PUBREL ? 2u : 0), has_id ? 2 : 0);
    return (size_t)((has_id ? put_u16(at, id) : at) - to);
}

void mqtt_filters_begin(struct mqtt_filters *f, uint32_t kind, uint32_t id)
{
    char bytes[2];
    *f = (struct mqtt_filters){.kind = kind};
    put_u16(bytes, id);
    text_add(&f->body, slice_from(bytes, sizeof bytes));
}

void mqtt_filters_add(struct mqtt_filters *f, struct trb_slice filter, uint32_t qos)
{
    add_text(&f->body, filter);
    if (f->kind == MQTT_SUBSCRIBE)
        text_addc(&f->body, (char)qos);
}

void mqtt_filters_end(struct mqtt_filters *f, struct text *to)
{
    add_packet(to, f->kind << 4 | 2, text_slice(&f->body));
    text_fini(&f->body);
}
