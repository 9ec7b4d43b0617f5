/* sigv4: the canonical request, the text to sign, the chain of keys. */
#include <aws/sigv4.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define UNRESERVED "-_.~"
#define DIGEST 32u

struct line {                           /* a header or a parameter, to be sorted */
    char *name, *value;
};

/* ---------------------------------------------------------------------------------------- pieces */
void sigv4_hash(struct trb_slice payload, char ret_hex[SIGV4_HASH])
{
    unsigned char digest[DIGEST];
    EVP_Digest(payload.at ? payload.at : "", payload.len, digest, NULL, EVP_sha256(), NULL);
    ret_hex[hex_encode(slice_from((char *)digest, DIGEST), ret_hex)] = 0;
}

size_t sigv4_date(int64_t now_s, char ret_text[17])
{
    time_t t = (time_t)now_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    return strftime(ret_text, 17, "%Y%m%dT%H%M%SZ", &tm);
}

static void keyed(const void *key, size_t len, struct trb_slice text, unsigned char ret[DIGEST])
{
    HMAC(EVP_sha256(), key, (int)len, (const unsigned char *)text.at, text.len, ret, NULL);
}

static void url_parts(const char *url, struct trb_slice *ret_host, struct trb_slice *ret_path, struct trb_slice *ret_query)
{
    const char *start = strstr(url, "://"), *at = start ? start + 3 : url;
    size_t host = strcspn(at, "/?#"), path, query = 0;
    bool is_tls = !strncasecmp(url, "https:", 6);
    *ret_host = slice_from(at, host);
    struct trb_slice usual = is_tls ? SLICE(":443") : SLICE(":80");
    if (slice_ends(*ret_host, usual))
        ret_host->len -= usual.len;
    at += host;
    path = strcspn(at, "?#");
    *ret_path = path ? slice_from(at, path) : SLICE("/");
    at += path;
    if (*at == '?')
        query = strcspn(++at, "#");
    *ret_query = slice_from(at, query);
}

static int by_name(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

static void lines_free(struct line *lines, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        mem_free(lines[n].name);
        if (lines[n].value)
            mem_wipe(lines[n].value, strlen(lines[n].value));
        mem_free(lines[n].value);
    }
    mem_free(lines);
}

/* ------------------------------------------------------------------------------ canonical request */
static void add_query(struct text *t, struct trb_slice query)
{
    struct line *lines = NULL;
    size_t count = 0;
    while (query.at && query.len) {
        struct trb_slice value = slice_split(&query, '&'), name = slice_split(&value, '=');
        lines = mem_grow(lines, (count + 1) * sizeof *lines);
        lines[count++] = (struct line){mem_text(name.at, name.len), mem_text(value.at ? value.at : "", value.len)};
    }
    if (count)
        qsort(lines, count, sizeof *lines, by_name);
    for (size_t n = 0; n < count; n++)
        text_addf(t, "%s%s=%s", n ? "&" : "", lines[n].name, lines[n].value);
    lines_free(lines, count);
}

/* Blanks around a value go, several inside become one. */
static char *squeezed(struct trb_slice value)
{
    struct trb_slice bare = slice_trim(value);
    char *text = mem_text(bare.at ? bare.at : "", bare.len), *to = text;
    for (char *at = text; *at; at++)
        if (*at != ' ' || at == text || at[-1] != ' ')
            *to++ = *at;
    *to = 0;
    return text;
}

static struct line *collect(const struct sigv4_request *r, struct trb_slice host, size_t *ret_count)
{
    struct line *lines = mem_alloc((r->headers.count + 1) * sizeof *lines);
    size_t count = 0;
    lines[count++] = (struct line){mem_text("host", 4), mem_text(host.at, host.len)};
    for (uint32_t n = 0; n < r->headers.count; n++) {
        const struct trb_pair *p = trb_pair_at(&r->headers, n);
        if (slice_is_nocase(slice_name(p->key), SLICE("authorization")))
            continue;                   /* of an earlier attempt */
        struct line l = {mem_text(p->key.at, p->key.len), squeezed(slice_name(p->value))};
        for (char *at = l.name; *at; at++)
            *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
        lines[count++] = l;
    }
    qsort(lines, count, sizeof *lines, by_name);
    *ret_count = count;
    return lines;
}

static void add_names(struct text *t, const struct line *lines, size_t count)
{
    for (size_t n = 0; n < count; n++)
        text_addf(t, "%s%s", n ? ";" : "", lines[n].name);
}

/* S3 takes a path as it is sent; all others take it escaped once more. */
static void add_path(struct text *t, const struct sigv4_request *r, struct trb_slice path)
{
    if (!strcmp(r->service, "s3"))
        text_add(t, path);
    else
        text_add_escaped(t, path, UNRESERVED "/");
}

static void canonical_hash(const struct sigv4_request *r, const struct line *lines, size_t count, struct trb_slice path,
                           struct trb_slice query, char ret_hex[SIGV4_HASH])
{
    struct text t = {0};
    text_addf(&t, "%s\n", r->method);
    add_path(&t, r, path);
    text_addc(&t, '\n');
    add_query(&t, query);
    text_addc(&t, '\n');
    for (size_t n = 0; n < count; n++)
        text_addf(&t, "%s:%s\n", lines[n].name, lines[n].value);
    text_addc(&t, '\n');
    add_names(&t, lines, count);
    text_addf(&t, "\n%s", r->payload_hash);
    sigv4_hash(text_slice(&t), ret_hex);
    mem_wipe(t.at, t.len);
    text_fini(&t);
}

/* --------------------------------------------------------------------------------------- signature */
static void signature(const struct sigv4_keys *k, const struct sigv4_request *r, const char *date, const char *hash,
                      char ret_hex[SIGV4_HASH])
{
    unsigned char key[DIGEST], next[DIGEST];
    struct text first = {0}, text = {0};
    text_addf(&first, "AWS4%.*s", SLICE_ARG(k->secret));
    text_addf(&text, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s", date, date, r->region, r->service, hash);
    keyed(first.at, first.len, slice_from(date, 8), key);
    keyed(key, DIGEST, slice_of(r->region), next);
    keyed(next, DIGEST, slice_of(r->service), key);
    keyed(key, DIGEST, SLICE("aws4_request"), next);
    keyed(next, DIGEST, text_slice(&text), key);
    ret_hex[hex_encode(slice_from((char *)key, DIGEST), ret_hex)] = 0;
    mem_wipe(first.at, first.len);
    mem_wipe(next, sizeof next);
    text_fini(&first);
    text_fini(&text);
}

void sigv4_sign(const struct sigv4_keys *k, const struct sigv4_request *r, struct text *ret)
{
    struct trb_slice host, path, query;
    char date[17], hash[SIGV4_HASH], hex[SIGV4_HASH];
    size_t count;
    sigv4_date(r->now_s, date);
    url_parts(r->url, &host, &path, &query);
    struct line *lines = collect(r, host, &count);
    canonical_hash(r, lines, count, path, query, hash);
    signature(k, r, date, hash, hex);
    text_addf(ret, "AWS4-HMAC-SHA256 Credential=%.*s/%.8s/%s/%s/aws4_request, SignedHeaders=", SLICE_ARG(k->id), date, r->region,
              r->service);
    add_names(ret, lines, count);
    text_addf(ret, ", Signature=%s", hex);
    lines_free(lines, count);
}

void sigv4_presign(const struct sigv4_keys *k, const struct sigv4_request *r, uint64_t valid_s, struct text *ret)
{
    struct sigv4_request only_host = *r;
    struct trb_slice host, path, query;
    char date[17], hash[SIGV4_HASH], hex[SIGV4_HASH];
    struct text scope = {0}, asked = {0};
    size_t count;
    only_host.headers.count = 0;
    only_host.payload_hash = SIGV4_UNSIGNED;
    sigv4_date(r->now_s, date);
    url_parts(r->url, &host, &path, &query);
    text_addf(&scope, "%.*s/%.8s/%s/%s/aws4_request", SLICE_ARG(k->id), date, r->region, r->service);
    text_addf(&asked, "%.*s%sX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=", SLICE_ARG(query), query.len ? "&" : "");
    text_add_escaped(&asked, text_slice(&scope), UNRESERVED);
    text_addf(&asked, "&X-Amz-Date=%s&X-Amz-Expires=%llu", date, (unsigned long long)valid_s);
    if (k->token.len) {
        text_adds(&asked, "&X-Amz-Security-Token=");
        text_add_escaped(&asked, k->token, UNRESERVED);
    }
    text_adds(&asked, "&X-Amz-SignedHeaders=host");
    struct line *lines = collect(&only_host, host, &count);
    canonical_hash(&only_host, lines, count, path, text_slice(&asked), hash);
    signature(k, r, date, hash, hex);
    text_addf(ret, "%.*s?%s&X-Amz-Signature=%s", (int)strcspn(r->url, "?#"), r->url, asked.at, hex);
    lines_free(lines, count);
    text_fini(&scope);
    text_fini(&asked);
}
