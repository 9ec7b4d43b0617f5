/* http2_fields: see http2_fields.h. */
#include <net/http2_fields.h>

#include <base/check.h>
#include <base/slice.h>
#include <net/http_class.h>
#include <string.h>

#define FIELD_OVERHEAD 32u

/* --- outgoing ------------------------------------------------------------------------------- */
void http2_fields_init(struct http2_fields *f, struct arena *arena, size_t room)
{
    *f = (struct http2_fields){arena, arena_alloc(arena, room * sizeof *f->at), 0, room};
}

/* A peer would refuse the whole message for one bad byte. */
static struct trb_slice clean(struct arena *arena, struct trb_slice value)
{
    value = slice_trim(value);
    if (http_is_field_value(value))
        return value;
    char *copy = arena_alloc(arena, value.len);
    for (size_t i = 0; i < value.len; i++)
        copy[i] = http_is(value.at[i], CLASS_VALUE) ? value.at[i] : ' ';
    return slice_trim(slice_from(copy, value.len));
}

void http2_fields_add(struct http2_fields *f, struct trb_slice name, struct trb_slice value)
{
    check(f->count < f->room);
    value = clean(f->arena, value);
    f->at[f->count++] = (nghttp2_nv){(uint8_t *)name.at, (uint8_t *)value.at, name.len, value.len,
                                     NGHTTP2_NV_FLAG_NONE};
}

static bool is_left_out(const struct http_header *h)
{
    struct trb_slice n = h->name;
    switch (n.len) {
    case 2:
        return slice_is_nocase(n, SLICE("te")) && !slice_is_nocase(slice_trim(h->value), SLICE("trailers"));
    case 4:
        return slice_is_nocase(n, SLICE("host"));
    case 7:
        return slice_is_nocase(n, SLICE("upgrade"));
    case 10:
        return slice_is_nocase(n, SLICE("connection")) || slice_is_nocase(n, SLICE("keep-alive"));
    case 14:
        return slice_is_nocase(n, SLICE("content-length")) || slice_is_nocase(n, SLICE("http2-settings"));
    case 16:
        return slice_is_nocase(n, SLICE("proxy-connection"));
    case 17:
        return slice_is_nocase(n, SLICE("transfer-encoding"));
    default:
        return false;
    }
}

void http2_fields_add_all(struct http2_fields *f, const struct http_headers *headers)
{
    for (uint32_t i = 0; headers && i < headers->count; i++)
        if (!is_left_out(&headers->at[i]) && http_is_token(headers->at[i].name))
            http2_fields_add(f, headers->at[i].name, headers->at[i].value);
}

void http2_fields_add_length(struct http2_fields *f, int64_t length)
{
    char room[20];
    struct trb_slice text = slice_decimal((uint64_t)length, room);
    http2_fields_add(f, SLICE("content-length"), slice_name(arena_name(f->arena, text)));
}

static size_t measure(const nghttp2_nv *nv)
{
    return nv->namelen + nv->valuelen + FIELD_OVERHEAD;
}

static size_t size_of(const struct http2_fields *f)
{
    size_t size = 0;
    for (size_t i = 0; i < f->count; i++)
        size += measure(&f->at[i]);
    return size;
}

static bool is_named(const nghttp2_nv *nv, struct trb_slice name)
{
    return slice_is_nocase(slice_from((char *)nv->name, nv->namelen), name);
}

/* An escape cut in half would be read as text. */
static size_t without_half_escape(const uint8_t *text, size_t len)
{
    for (size_t back = 1; back <= 2 && back <= len; back++)
        if (text[len - back] == '%')
            return len - back;
    return len;
}

static void drop_details(struct http2_fields *f, size_t limit, size_t *size)
{
    for (size_t i = 0; i < f->count && *size > limit; i++) {
        if (!is_named(&f->at[i], SLICE("grpc-status-details-bin")))
            continue;
        *size -= measure(&f->at[i]);
        f->at[i--] = f->at[--f->count];
    }
}

static void shorten(nghttp2_nv *nv, size_t over)
{
    nv->valuelen = over < nv->valuelen ? nv->valuelen - over : 0;
    nv->valuelen = without_half_escape(nv->value, nv->valuelen);
}

void http2_fields_fit(struct http2_fields *f, size_t limit)
{
    size_t size = size_of(f);
    drop_details(f, limit, &size);
    for (size_t i = 0; i < f->count && size > limit; i++) {
        if (!is_named(&f->at[i], SLICE("grpc-message")))
            continue;
        size -= measure(&f->at[i]);
        shorten(&f->at[i], size + measure(&f->at[i]) - limit);
        size += measure(&f->at[i]);
    }
}

/* --- incoming ------------------------------------------------------------------------------- */
/* Names of HPACK's static table need no copy. What they may measure was counted before. */
static struct trb_slice keep(struct arena *arena, nghttp2_rcbuf *part, nghttp2_vec bytes)
{
    if (nghttp2_rcbuf_is_static(part))
        return slice_from((char *)bytes.base, bytes.len);
    char *copy = arena_alloc(arena, bytes.len + 1);
    memcpy(copy, bytes.base, bytes.len);
    copy[bytes.len] = 0;
    return slice_from(copy, bytes.len);
}

static void take_pseudo(struct http_head *head, struct trb_slice name, struct trb_slice value)
{
    if (slice_is(name, SLICE(":path")))
        head->target = value;
    else if (slice_is(name, SLICE(":method")))
        head->method = value;
    else if (slice_is(name, SLICE(":authority")))
        head->authority = value;
    else if (slice_is(name, SLICE(":scheme")))
        head->scheme = value;
    else if (slice_is(name, SLICE(":status")) && value.len == 3)
        head->status = (value.at[0] - '0') * 100 + (value.at[1] - '0') * 10 + (value.at[2] - '0');
}

bool http2_intake_add(struct http2_intake *in, struct arena *arena, struct http_head *head,
                      struct http_headers *headers, nghttp2_rcbuf *name_part, nghttp2_rcbuf *value_part)
{
    nghttp2_vec name_bytes = nghttp2_rcbuf_get_buf(name_part), value_bytes = nghttp2_rcbuf_get_buf(value_part);
    in->size += name_bytes.len + value_bytes.len + FIELD_OVERHEAD;
    if (in->size > in->max)
        return false;
    struct trb_slice name = keep(arena, name_part, name_bytes), value = keep(arena, value_part, value_bytes);
    if (name.len && name.at[0] == ':')
        take_pseudo(head, name, value);
    else if (slice_is(name, SLICE("host")) && head && headers == &head->headers && !head->status) {
        if (!head->authority.at)
            head->authority = value;
    } else {
        if (slice_is(name, SLICE("content-length")))
            in->has_length = slice_to_u64(value, &in->length) && in->length <= INT64_MAX;
        http_header_add(arena, headers, name, value);
    }
    return true;
}

void http2_join_cookies(struct arena *arena, struct http_headers *headers)
{
    struct http_header *first = NULL;
    size_t len = 0, crumbs = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        if (!slice_is(headers->at[i].name, SLICE("cookie")))
            continue;
        first = first ? first : &headers->at[i];
        len += headers->at[i].value.len + 2;
        crumbs++;
    }
    if (crumbs < 2)
        return;
    char *whole = arena_alloc(arena, len), *to = whole;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        struct http_header h = headers->at[i];
        bool is_crumb = slice_is(h.name, SLICE("cookie"));
        if (!is_crumb || &headers->at[i] == first)
            headers->at[kept++] = h;
        if (!is_crumb)
            continue;
        memcpy(to, h.value.at, h.value.len);
        to += h.value.len;
        *to++ = ';';
        *to++ = ' ';
    }
    headers->count = kept;
    first->value = slice_from(whole, len - 2);
}
