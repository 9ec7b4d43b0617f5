/* sealer: the header, then what is whole of the plain text; the last segment waits for the end, because it is marked. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <sealed/inside.h>

struct sealer {
    struct segments segments;
    struct text header;
    const char *fault;
    size_t len;                     /* of plain */
    uint8_t plain[SEALED_PLAIN_MOST];
    uint8_t sealed[SEALED_MOST];
};

static void add_base64(struct text *t, struct trb_slice bytes)
{
    size_t len = base64_encoded_len(bytes.len, true);
    base64_encode(bytes, true, text_room(t, len));
    text_wrote(t, len);
}

static void write_manifest(struct text *t, const struct sealed_manifest *m, const uint8_t prefix[PREFIX])
{
    text_adds(t, SCHEME "\n{");
    if (m->key_name.len) {
        text_adds(t, "\"k\":");
        text_add_json(t, m->key_name, true);
        text_addc(t, ',');
    }
    text_addf(t, "\"kw\":%u,\"wfk\":\"", m->wrap);
    add_base64(t, m->wrapped_key);
    text_addf(t, "\",\"cph\":%u,\"np\":\"", m->cipher);
    add_base64(t, slice_from((const char *)prefix, PREFIX));
    text_adds(t, "\"}\n");
}

struct sealer *sealer_create(const struct sealed_manifest *m, const uint8_t file_key[SEALED_KEY], const uint8_t *prefix)
{
    struct sealer *s = mem_zero(sizeof *s);
    uint8_t drawn[PREFIX], mac[MAC];
    if (!prefix) {
        random_bytes(drawn, PREFIX);
        prefix = drawn;
    }
    write_manifest(&s->header, m, prefix);
    if (!header_mac(file_key, text_slice(&s->header), mac) || !segments_init(&s->segments, m->cipher, file_key, prefix, true))
        return sealer_destroy(s);
    add_base64(&s->header, slice_from((const char *)mac, MAC));
    text_addc(&s->header, '\n');
    return s->header.len <= SEALED_HEADER_MOST ? s : sealer_destroy(s);
}

struct sealer *sealer_destroy(struct sealer *s)
{
    if (!s)
        return NULL;
    segments_fini(&s->segments);
    text_fini(&s->header);
    mem_wipe(s->plain, sizeof s->plain);
    return mem_free(s);
}

struct trb_slice sealer_header(const struct sealer *s)
{
    return text_slice(&s->header);
}

static bool give(struct sealer *s, bool is_last, struct trb_slice *ret)
{
    if (!segment_seal(&s->segments, s->plain, s->len, is_last, s->sealed)) {
        s->fault = "the text has more segments than a file may have";
        return false;
    }
    *ret = slice_from((const char *)s->sealed, s->len + SEALED_TAG);
    s->len = 0;
    return true;
}

bool sealer_take(struct sealer *s, struct trb_slice *rest, struct trb_slice *ret_segment)
{
    if (s->fault || !rest->len)
        return false;
    if (s->len == SEALED_PLAIN_MOST)            /* there is more: so it was not the last */
        return give(s, false, ret_segment);
    size_t len = rest->len < SEALED_PLAIN_MOST - s->len ? rest->len : SEALED_PLAIN_MOST - s->len;
    memcpy(s->plain + s->len, rest->at, len);
    s->len += len;
    *rest = slice_skip(*rest, len);
    return rest->len && s->len == SEALED_PLAIN_MOST && give(s, false, ret_segment);
}

bool sealer_end(struct sealer *s, struct trb_slice *ret_segment)
{
    return !s->fault && s->len && give(s, true, ret_segment);
}

const char *sealer_fault(const struct sealer *s)
{
    return s->fault;
}
