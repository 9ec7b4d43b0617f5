/* opener: the header's lines, its manifest, its authentication; then each segment before a byte of it is given. */
#include <base/codec.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <openssl/crypto.h>
#include <sealed/inside.h>

#define LINES 3u

struct opener {
    struct segments segments;
    struct arena *arena;            /* of the manifest */
    struct sealed_manifest manifest;
    struct text header;
    uint32_t lines;                 /* whole ones in header */
    size_t line_at[LINES + 1];      /* where each begins */
    uint8_t prefix[PREFIX], mac[MAC];
    char fault[96];
    size_t len;                     /* of sealed */
    uint8_t sealed[SEALED_MOST];
    uint8_t plain[SEALED_PLAIN_MOST];
};

static bool fail(struct opener *o, const char *text)
{
    snprintf(o->fault, sizeof o->fault, "%s", text);
    return false;
}

struct opener *opener_create(void)
{
    struct opener *o = mem_zero(sizeof *o);
    o->arena = arena_create(SIZE_MAX);
    return o;
}

struct opener *opener_destroy(struct opener *o)
{
    if (!o)
        return NULL;
    segments_fini(&o->segments);
    arena_destroy(o->arena);
    text_fini(&o->header);
    mem_wipe(o->plain, sizeof o->plain);
    return mem_free(o);
}

const char *opener_fault(const struct opener *o)
{
    return o->fault[0] ? o->fault : NULL;
}

const struct sealed_manifest *opener_manifest(const struct opener *o)
{
    return &o->manifest;
}

/* ---------------------------------------------------------------------------------- the manifest */
static bool bytes_of(struct opener *o, struct json_value v, size_t most, struct trb_slice *ret)
{
    if (v.kind != JSON_STRING)
        return false;
    struct trb_slice text = json_text(o->arena, v);
    char *bytes = arena_alloc(o->arena, text.len * 3 / 4 + 3);
    ret->at = bytes;
    return base64_decode(text, false, bytes, &ret->len, NULL) && ret->len && ret->len <= most;
}

static bool number_of(struct json_value v, uint64_t most, uint32_t *ret)
{
    uint64_t n = 0;
    if (v.kind != JSON_NUMBER || !slice_to_u64(v.raw, &n) || !n || n > most)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool read_manifest(struct opener *o, struct trb_slice line)
{
    struct sealed_manifest *m = &o->manifest;
    struct json_value v;
    struct json_fault fault;
    struct trb_slice prefix;
    if (!json_parse(line, &v, &fault) || v.kind != JSON_OBJECT)
        return false;
    struct json_value name = json_find(v, SLICE("k"));
    if (name.kind != JSON_NONE && name.kind != JSON_NULL && name.kind != JSON_STRING)
        return false;
    m->key_name = name.kind == JSON_STRING ? slice_name(json_name(o->arena, name)) : SLICE("");    /* the line moves */
    if (!number_of(json_find(v, SLICE("kw")), 5, &m->wrap) || !number_of(json_find(v, SLICE("cph")), 2, &m->cipher) ||
        !bytes_of(o, json_find(v, SLICE("wfk")), SEALED_WRAPPED_MOST, &m->wrapped_key) ||
        !bytes_of(o, json_find(v, SLICE("np")), PREFIX, &prefix) || prefix.len != PREFIX)
        return false;
    memcpy(o->prefix, prefix.at, PREFIX);
    return true;
}

/* ------------------------------------------------------------------------------------- the lines */
static struct trb_slice line(const struct opener *o, uint32_t i)
{
    return slice_from(o->header.at + o->line_at[i], o->line_at[i + 1] - o->line_at[i] - 1);
}

static bool read_mac(struct opener *o, struct trb_slice text)
{
    char bytes[MAC + 3];
    size_t len = 0;
    if (text.len != base64_encoded_len(MAC, true) || !base64_decode(text, false, bytes, &len, NULL) || len != MAC)
        return false;
    memcpy(o->mac, bytes, MAC);
    return true;
}

static bool judge_line(struct opener *o, uint32_t i)
{
    if (i == 0)
        return slice_is(line(o, 0), SLICE(SCHEME)) || fail(o, "invalid header: unsupported scheme");
    if (i == 1)
        return read_manifest(o, line(o, 1)) || fail(o, "invalid header: invalid manifest");
    return read_mac(o, line(o, 2)) || fail(o, "invalid header: invalid format");
}

void opener_header_end(struct opener *o)
{
    static const char *const missing[] = {"invalid header: scheme name not found", "invalid header: manifest not found",
                                          "invalid header: message authentication code not found"};
    if (!opener_fault(o) && o->lines < LINES)
        fail(o, missing[o->lines]);
}

bool opener_header(struct opener *o, struct trb_slice *rest)
{
    while (rest->len && o->lines < LINES && !opener_fault(o)) {
        const char *end = memchr(rest->at, '\n', rest->len);
        size_t len = end ? (size_t)(end - rest->at) + 1 : rest->len;
        if (o->header.len + len > SEALED_HEADER_MOST)
            return opener_header_end(o), false;
        text_add(&o->header, slice_cut(*rest, len));
        *rest = slice_skip(*rest, len);
        if (!end)
            break;
        o->line_at[o->lines + 1] = o->header.len;
        if (judge_line(o, o->lines))
            o->lines++;
    }
    return o->lines == LINES && !opener_fault(o);
}

bool opener_unlock(struct opener *o, const uint8_t *file_key)
{
    static const uint8_t zeros[SEALED_KEY];
    const uint8_t *key = file_key ? file_key : zeros;
    uint8_t mac[MAC];
    bool fine = header_mac(key, slice_from(o->header.at, o->line_at[2]), mac) && !CRYPTO_memcmp(mac, o->mac, MAC) && file_key;
    if (!fine)
        return fail(o, "failed to validate the document's signature");
    return segments_init(&o->segments, o->manifest.cipher, key, o->prefix, false) || fail(o, "the cipher is not available");
}

/* ---------------------------------------------------------------------------------- the segments */
static bool give(struct opener *o, bool is_last, struct trb_slice *ret)
{
    unsigned long long number = o->segments.next;
    if (!segment_open(&o->segments, o->sealed, o->len, is_last, o->plain)) {
        snprintf(o->fault, sizeof o->fault, "error processing segment %llu: failed to decrypt segment", number);
        return false;
    }
    *ret = slice_from((const char *)o->plain, o->len - SEALED_TAG);
    o->len = 0;
    return true;
}

bool opener_take(struct opener *o, struct trb_slice *rest, struct trb_slice *ret_plain)
{
    if (opener_fault(o) || !rest->len)
        return false;
    if (o->len == SEALED_MOST)
        return give(o, false, ret_plain);
    size_t len = rest->len < SEALED_MOST - o->len ? rest->len : SEALED_MOST - o->len;
    memcpy(o->sealed + o->len, rest->at, len);
    o->len += len;
    *rest = slice_skip(*rest, len);
    return rest->len && o->len == SEALED_MOST && give(o, false, ret_plain);
}

bool opener_end(struct opener *o, struct trb_slice *ret_plain)
{
    return !opener_fault(o) && o->len && give(o, true, ret_plain);
}
