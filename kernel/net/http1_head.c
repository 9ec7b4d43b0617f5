/* http1_head: see http1_head.h. One pass with a table: a head always ends in a line feed, which is in
 * no class, so the inner loops need no other bound. */
#include <net/http1_head.h>

#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <net/http_class.h>
#include <string.h>

size_t http1_head_end(struct trb_slice bytes, size_t *scanned)
{
    const char *at = bytes.at + *scanned, *end = bytes.at + bytes.len, *feed;
    while ((feed = memchr(at, '\n', (size_t)(end - at)))) {
        const char *next = feed + 1;
        if (next < end && *next == '\n')
            return (size_t)(next + 1 - bytes.at);
        if (next + 1 < end && *next == '\r' && next[1] == '\n')
            return (size_t)(next + 2 - bytes.at);
        if (next + 1 >= end) {                  /* too little behind it to tell */
            *scanned = (size_t)(feed - bytes.at);
            return 0;
        }
        at = next;
    }
    *scanned = bytes.len;
    return 0;
}

bool http1_list_has(struct trb_slice list, struct trb_slice word)
{
    while (list.at)
        if (slice_is_nocase(slice_trim(slice_split(&list, ',')), word))
            return true;
    return false;
}

/* What is gathered while header lines go by. */
struct lines {
    struct arena *arena;
    struct http_headers *headers;
    struct trb_slice host, settings;
    uint32_t hosts, lengths, codings, settings_count;
    int64_t length;
    bool is_length_bad, lengths_differ, is_chunked;
    bool says_close, says_keep_alive, says_upgrade, says_http2_settings, wants_h2c;
    bool expects_continue, expects_other;
};

static bool to_length(struct trb_slice s, int64_t *ret)
{
    int64_t value = 0;
    if (!s.len || s.len > 18)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        value = value * 10 + (s.at[i] - '0');
    }
    *ret = value;
    return true;
}

static void note_length(struct lines *l, struct trb_slice value)
{
    int64_t length = 0;
    if (!to_length(value, &length))
        l->is_length_bad = true;
    else if (l->lengths && length != l->length)
        l->lengths_differ = true;
    l->length = length;
    l->lengths++;
}

static void note_connection(struct lines *l, struct trb_slice value)
{
    l->says_close |= http1_list_has(value, SLICE("close"));
    l->says_keep_alive |= http1_list_has(value, SLICE("keep-alive"));
    l->says_upgrade |= http1_list_has(value, SLICE("upgrade"));
    l->says_http2_settings |= http1_list_has(value, SLICE("http2-settings"));
}

static void note_expect(struct lines *l, struct trb_slice value)
{
    if (slice_is_nocase(value, SLICE("100-continue")))
        l->expects_continue = true;
    else if (value.len)
        l->expects_other = true;
}

static bool note_host(struct lines *l, struct trb_slice value)
{
    l->host = value;
    l->hosts++;
    return true;
}

/* Headers with a meaning for the codec. true: not for the list (Host). */
static bool note(struct lines *l, struct trb_slice name, struct trb_slice value)
{
    switch (name.len) {
    case 4:
        return slice_is_nocase(name, SLICE("host")) && note_host(l, value);
    case 6:
        if (slice_is_nocase(name, SLICE("expect")))
            note_expect(l, value);
        return false;
    case 7:
        if (slice_is_nocase(name, SLICE("upgrade")))
            l->wants_h2c |= http1_list_has(value, SLICE("h2c"));
        return false;
    case 10:
        if (slice_is_nocase(name, SLICE("connection")))
            note_connection(l, value);
        return false;
    case 14:
        if (slice_is_nocase(name, SLICE("content-length")))
            note_length(l, value);
        else if (slice_is_nocase(name, SLICE("http2-settings"))) {
            l->settings = value;
            l->settings_count++;
        }
        return false;
    case 17:
        if (slice_is_nocase(name, SLICE("transfer-encoding"))) {
            l->is_chunked = slice_is_nocase(value, SLICE("chunked"));
            l->codings++;
        }
        return false;
    default:
        return false;
    }
}

#define LINES_GOOD 0
#define LINES_BAD 1
#define LINES_BAD_VALUE 2

/* From the first header line to the empty line. */
static int read_lines(struct lines *l, const char *at, const char *text_end)
{
    for (;;) {
        if (*at == '\n' || (*at == '\r' && at[1] == '\n'))
            return LINES_GOOD;
        const char *name = at;
        while (http_is(*at, CLASS_TOKEN))
            at++;
        if (at == name || *at != ':')
            return LINES_BAD;
        struct trb_slice key = slice_from(name, (size_t)(at - name));
        do
            at++;
        while (*at == ' ' || *at == '\t');
        const char *value = at;
        at = http_value_end(at, text_end);
        const char *end = at;
        if (*at == '\r')
            at++;
        if (*at != '\n')
            return LINES_BAD_VALUE;
        at++;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        struct trb_slice text = slice_from(value, (size_t)(end - value));
        if (!note(l, key, text))
            http_header_add(l->arena, l->headers, key, text);
    }
}

static bool refuse(struct http1_fault *fault, int status, const char *text)
{
    *fault = (struct http1_fault){status, text};
    return false;
}

/* Path escapes must be whole; in the query they are the reader's matter. */
static bool are_escapes_good(struct trb_slice target)
{
    const char *query = memchr(target.at, '?', target.len), *end = query ? query : target.at + target.len;
    for (const char *at = target.at; (at = memchr(at, '%', (size_t)(end - at))); at += 3)
        if (end - at < 3 || http_hex(at[1]) < 0 || http_hex(at[2]) < 0)
            return false;
    return true;
}

static bool is_authority_good(struct trb_slice a)
{
    for (size_t i = 0; i < a.len; i++)
        if (!http_is(a.at[i], CLASS_HOST))
            return false;
    return true;
}

/* http://host/path: the host counts, the path stays. */
static bool cut_absolute(struct http_head *head)
{
    struct trb_slice t = head->target;
    const char *colon = memchr(t.at, ':', t.len);
    size_t scheme = colon ? (size_t)(colon - t.at) : 0;
    if (!scheme || t.len < scheme + 3 || memcmp(colon, "://", 3))
        return false;
    head->scheme = slice_cut(t, scheme);
    struct trb_slice rest = slice_skip(t, scheme + 3);
    size_t host = 0;
    while (host < rest.len && rest.at[host] != '/' && rest.at[host] != '?')
        host++;
    head->authority = slice_cut(rest, host);
    head->target = slice_skip(rest, host);
    if (!head->target.len)
        head->target = SLICE("/");
    return is_authority_good(head->authority);
}

static bool settle_target(struct http_head *head)
{
    if (!are_escapes_good(head->target))
        return false;
    if (head->target.at[0] == '/')
        return true;
    if (slice_is(head->method, SLICE("CONNECT"))) {
        head->authority = head->target;
        head->target = SLICE("/");
        return is_authority_good(head->authority);
    }
    if (slice_is(head->target, SLICE("*")))
        return slice_is(head->method, SLICE("OPTIONS"));
    return cut_absolute(head);
}

static bool is_version(const char *at)
{
    return !memcmp(at, "HTTP/", 5) && at[5] >= '0' && at[5] <= '9' && at[6] == '.' && at[7] >= '0' &&
           at[7] <= '9';
}

/* Cuts the first line in three. Returns where the header lines begin, NULL: malformed. */
static const char *read_request_line(const char *at, const char *end, struct http_head *head)
{
    const char *start = at;
    while (http_is(*at, CLASS_TOKEN))
        at++;
    if (at == start || *at != ' ')
        return NULL;
    head->method = slice_from(start, (size_t)(at - start));
    start = ++at;
    while (http_is(*at, CLASS_TARGET))
        at++;
    if (at == start || *at != ' ')
        return NULL;
    head->target = slice_from(start, (size_t)(at - start));
    at++;
    if (end - at < 9 || !is_version(at))
        return NULL;
    head->major = (uint8_t)(at[5] - '0');
    head->minor = (uint8_t)(at[7] - '0');
    at += 8;
    if (*at == '\r')
        at++;
    return *at == '\n' ? at + 1 : NULL;
}

bool http1_request_line_is_good(struct trb_slice line)
{
    struct http_head head = {0};
    return read_request_line(line.at, line.at + line.len, &head) && settle_target(&head);
}

static bool settle_body(const struct lines *l, struct http_head *head, struct http1_fault *fault)
{
    if (l->codings > 1 || (l->codings && !l->is_chunked))
        return refuse(fault, 501, NULL);
    if (l->is_length_bad || l->lengths > 1 || (l->codings && l->lengths))
        return refuse(fault, 400, NULL);
    if (l->codings && head->minor == 0)
        return refuse(fault, 400, NULL);
    head->content_length = l->codings ? HTTP_LENGTH_UNKNOWN : l->lengths ? l->length : HTTP_NO_BODY;
    return true;
}

static bool settle_host(const struct lines *l, struct http_head *head, struct http1_fault *fault)
{
    if (l->hosts > 1)
        return refuse(fault, 400, "too many Host headers");
    if (!l->hosts && head->minor > 0 && !slice_is(head->method, SLICE("CONNECT")))
        return refuse(fault, 400, "missing required Host header");
    if (!is_authority_good(l->host))
        return refuse(fault, 400, "malformed Host header");
    if (!head->authority.len)
        head->authority = l->host;
    return true;
}

static void settle_traits(const struct lines *l, const struct http_head *head, struct http1_traits *t)
{
    t->keep_alive = head->minor > 0 ? !l->says_close : l->says_keep_alive && !l->says_close;
    t->chunked = l->codings > 0;
    t->expects_continue = l->expects_continue && head->minor > 0;
    t->expects_other = l->expects_other;
    t->upgrades_h2c = head->minor > 0 && l->wants_h2c && l->says_upgrade && l->says_http2_settings &&
                      l->settings_count == 1 && head->content_length <= 0 && !t->chunked;
    t->http2_settings = l->settings;
}

bool http1_request_parse(struct arena *arena, struct trb_slice text, struct http_head *head,
                         struct http1_traits *traits, struct http1_fault *fault)
{
    const char *at = read_request_line(text.at, text.at + text.len, head);
    if (!at)
        return refuse(fault, 400, NULL);
    if (head->major != 1)
        return refuse(fault, 505, "unsupported protocol version");
    if (!settle_target(head))
        return refuse(fault, 400, NULL);
    struct lines l = {.arena = arena, .headers = &head->headers};
    int result = read_lines(&l, at, text.at + text.len);
    if (result != LINES_GOOD)
        return refuse(fault, 400, result == LINES_BAD_VALUE ? "invalid header value" : NULL);
    if (!settle_host(&l, head, fault) || !settle_body(&l, head, fault))
        return false;
    if (!head->scheme.len)
        head->scheme = SLICE("http");
    settle_traits(&l, head, traits);
    return true;
}

static trb_code broken(struct trb_error *err, const char *what, const char *at, size_t len)
{
    return error_set(err, TRB_UNAVAILABLE, "MALFORMED_RESPONSE",
                     "net/http: HTTP/1.x transport connection broken: %s \"%.*s\"", what,
                     (int)(len > 80 ? 80 : len), at);
}

/* Status line; the reason may be missing. */
static const char *read_status_line(struct trb_slice text, struct http_head *head, struct trb_error *err)
{
    const char *at = text.at, *feed = memchr(at, '\n', text.len);
    size_t len = (size_t)(feed - at);
    if (len && at[len - 1] == '\r')
        len--;
    if (len < 12 || !is_version(at) || at[8] != ' ') {
        broken(err, "malformed HTTP response", at, len);
        return NULL;
    }
    head->major = (uint8_t)(at[5] - '0');
    head->minor = (uint8_t)(at[7] - '0');
    int64_t status;
    if (!to_length(slice_from(at + 9, 3), &status) || status < 100 || (len > 12 && at[12] != ' ')) {
        broken(err, "malformed HTTP status code", at + 9, len - 9);
        return NULL;
    }
    head->status = (int)status;
    head->reason = len > 13 ? slice_from(at + 13, len - 13) : (struct trb_slice){"", 0};
    if (head->major == 1 && http_is_field_value(head->reason))
        return feed + 1;
    broken(err, "malformed HTTP response", at, len);
    return NULL;
}

static bool has_no_body(int status, struct trb_slice method)
{
    return status < 200 || status == 204 || status == 304 || slice_is(method, SLICE("HEAD"));
}

trb_code http1_response_parse(struct arena *arena, struct trb_slice text, struct trb_slice method,
                              struct http_head *head, struct http1_traits *traits, struct trb_error *err)
{
    const char *at = read_status_line(text, head, err);
    if (!at)
        return TRB_UNAVAILABLE;
    struct lines l = {.arena = arena, .headers = &head->headers};
    if (read_lines(&l, at, text.at + text.len) != LINES_GOOD)
        return broken(err, "malformed MIME header line in answer", "", 0);
    bool is_bodiless = has_no_body(head->status, method);
    if (!is_bodiless && (l.codings > 1 || (l.codings && !l.is_chunked)))
        return broken(err, "unsupported transfer encoding", "", 0);
    if (l.is_length_bad || l.lengths_differ)
        return broken(err, "bad Content-Length", "", 0);
    traits->keep_alive = head->minor > 0 ? !l.says_close : l.says_keep_alive && !l.says_close;
    traits->chunked = l.codings > 0 && !is_bodiless;
    head->content_length = is_bodiless   ? HTTP_NO_BODY
                           : !l.codings && l.lengths ? l.length
                                                     : HTTP_LENGTH_UNKNOWN;
    return TRB_OK;
}

bool http1_trailers_parse(struct arena *arena, struct trb_slice text, struct http_headers *headers)
{
    struct lines l = {.arena = arena, .headers = headers};
    return read_lines(&l, text.at, text.at + text.len) == LINES_GOOD && !l.hosts && !l.lengths && !l.codings;
}
