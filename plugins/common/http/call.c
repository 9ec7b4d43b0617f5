/* call: one request as an easy handle, and what comes back, within its limits. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <http/inside.h>
#include <sys/socket.h>

#define MAX_HEAD (256u << 10)           /* all headers of one answer */
#define MAX_FIELDS 1000
#define FIRST_ROOM 4096u

/* ------------------------------------------------------------------------------------- the request */
void call_wipe(void *at, size_t len, bool secret)
{
    if (at && secret)
        mem_wipe(at, len);
    mem_free(at);
}

static bool is_token(struct trb_name n)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < n.len; i++) {
        char c = n.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(others, c))))
            return false;
    }
    return n.len > 0;
}

static bool is_one_line(struct trb_name v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.at[i] == '\r' || v.at[i] == '\n' || !v.at[i])
            return false;
    return true;
}

static bool header_add(struct http_call *c, struct trb_name name, struct trb_name value, struct trb_error *err)
{
    if (!is_token(name) || !is_one_line(value))
        return trb_error(err, TRB_INVALID, "BAD_HEADER", "%s: the header %.60s has a name or a value that HTTP does not allow",
                         c->http->setup.product, name.len ? name.at : "\"\""), false;
    c->headers = mem_grow(c->headers, (c->header_count + 1) * sizeof *c->headers);
    c->headers[c->header_count++] = (struct trb_pair){{mem_text(name.at, name.len), name.len},
                                                      {mem_text(value.at ? value.at : "", value.len), value.len}};
    return true;
}

bool call_copy(struct http_call *c, const struct http_request *r, struct trb_error *err)
{
    const char *method = r->method ? r->method : r->body.at ? "POST" : "GET";
    c->request = *r;
    c->method = mem_text(method, strlen(method));
    c->url = mem_text(r->url, strlen(r->url));
    if (!is_token(name_of(method)))
        return trb_error(err, TRB_INVALID, "BAD_METHOD", "%s: %.40s is no method of HTTP", c->http->setup.product, method), false;
    if (strncasecmp(r->url, "http://", 7) && strncasecmp(r->url, "https://", 8))
        return trb_error(err, TRB_INVALID, "BAD_URL", "%s: the URL begins with neither http:// nor https://",
                         c->http->setup.product), false;
    for (uint32_t n = 0; n < r->headers.count; n++) {
        const struct trb_pair *p = trb_pair_at(&r->headers, n);
        if (!header_add(c, p->key, p->value, err))
            return false;
    }
    c->request.headers = (struct trb_pairs){0};
    return true;
}

static void header_free(struct trb_pair *p)
{
    mem_free((char *)(uintptr_t)p->key.at);
    call_wipe((char *)(uintptr_t)p->value.at, p->value.len, true);
}

void http_call_set(struct http_call *c, const char *name, struct trb_slice value)
{
    struct trb_error err = {.size = sizeof err};
    uint32_t kept = 0;
    for (uint32_t n = 0; n < c->header_count; n++)
        if (slice_is_nocase(slice_name(c->headers[n].key), slice_of(name)))
            header_free(&c->headers[n]);
        else
            c->headers[kept++] = c->headers[n];
    c->header_count = kept;
    if (!header_add(c, name_of(name), (struct trb_name){value.at, value.len}, &err))
        c->err = err;
}

const char *http_call_method(const struct http_call *c)
{
    return c->method;
}

const char *http_call_url(const struct http_call *c)
{
    return c->url;
}

struct trb_slice http_call_body(const struct http_call *c)
{
    return c->request.body;
}

struct trb_pairs http_call_headers(const struct http_call *c)
{
    return (struct trb_pairs){c->headers, c->header_count, sizeof *c->headers};
}

/* -------------------------------------------------------------------------------------- the answer */
static bool refuse_head(struct http_call *c)
{
    trb_error(&c->err, TRB_EXHAUSTED, "TOO_LARGE", "%s: the headers of the answer exceed %u bytes", c->http->setup.product, MAX_HEAD);
    return false;
}

static void begin_head(struct http_call *c, struct trb_slice line)
{
    struct trb_slice rest = line;
    text_clear(&c->head);
    c->field_count = 0;
    c->body_len = 0;
    slice_split(&rest, ' ');
    c->is_redirected = slice_starts(rest, SLICE("3"));
    if (rest.at)
        slice_split(&rest, ' ');
    rest = slice_trim(rest);
    text_add(&c->head, rest);
    text_addc(&c->head, 0);
    c->reason_at = 0;
}

static bool add_field(struct http_call *c, struct trb_slice line)
{
    struct trb_slice value = line, name = slice_trim(slice_split(&value, ':'));
    value = slice_trim(value);
    if (!value.at || !name.len)
        return true;
    if (c->head.len + line.len > MAX_HEAD || c->field_count >= MAX_FIELDS)
        return refuse_head(c);
    if (c->field_count == c->field_room) {
        c->field_room = c->field_room ? 2 * c->field_room : 16;
        c->fields = mem_grow(c->fields, c->field_room * sizeof *c->fields);
    }
    struct http_line *l = &c->fields[c->field_count++];
    *l = (struct http_line){c->head.len, name.len, c->head.len + name.len + 1, value.len};
    text_add(&c->head, name);
    text_addc(&c->head, 0);
    text_add(&c->head, value);
    text_addc(&c->head, 0);
    return true;
}

static size_t on_head(char *at, size_t size, size_t count, void *arg)
{
    struct http_call *c = arg;
    struct trb_slice line = {at, size * count};
    if (slice_starts(line, SLICE("HTTP/")))
        begin_head(c, line);
    else if (!add_field(c, line))
        return 0;
    return size * count;
}

static void body_grow(struct http_call *c, size_t more)
{
    size_t room = c->body_room ? c->body_room : FIRST_ROOM;
    curl_off_t length = -1;
    if (!c->body && !curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) && length > 0 &&
        (uint64_t)length <= c->request.max_answer_bytes)
        room = (size_t)length + 1;
    while (room < c->body_len + more + 1)
        room *= 2;
    char *grown = mem_alloc(room);
    if (c->body_len)
        memcpy(grown, c->body, c->body_len);
    call_wipe(c->body, c->body_len, c->request.secret);
    c->body = grown;
    c->body_room = room;
}

static size_t on_body(char *at, size_t size, size_t count, void *arg)
{
    struct http_call *c = arg;
    size_t len = size * count, keep = len;
    if (len > c->request.max_answer_bytes - c->body_len) {
        keep = c->request.cut ? c->request.max_answer_bytes - c->body_len : 0;
        c->is_cut = c->request.cut;
        if (!c->is_cut)
            trb_error(&c->err, TRB_EXHAUSTED, "TOO_LARGE", "%s: the answer exceeds %llu bytes", c->http->setup.product,
                      (unsigned long long)c->request.max_answer_bytes);
    }
    if (keep && c->body_len + keep + 1 > c->body_room)
        body_grow(c, keep);
    if (keep) {
        memcpy(c->body + c->body_len, at, keep);
        c->body_len += keep;
        c->body[c->body_len] = 0;
    }
    return keep == len ? len : CURL_WRITEFUNC_ERROR;
}

uint32_t call_status(const struct http_call *c)
{
    long status = 0;
    if (c->easy)
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    return (uint32_t)status;
}

struct trb_slice http_header(const struct http_answer *a, const char *name)
{
    struct trb_name found = trb_pair_get(&a->headers, name);
    return (struct trb_slice){found.at, found.len};
}

struct held {
    char *at;
    size_t len;
    bool secret;
};

static void on_released(void *arg)
{
    struct held *h = arg;
    call_wipe(h->at, h->len, h->secret);
    mem_free(h);
}

struct trb_data http_body_take(const struct http_answer *a)
{
    struct http_call *c = checked(a->call, struct http_call, CALL_MAGIC);
    const struct http_setup *s = &c->http->setup;
    if (!c->body_len)
        return (struct trb_data){"", 0, NULL};
    struct held *h = mem_copy(&(struct held){c->body, c->body_len, c->request.secret}, sizeof *h);
    struct trb_buf *buf = s->host->buf_wrap(s->origin, slice_from(c->body, c->body_len), on_released, h);
    struct trb_data data = {c->body, c->body_len, buf};
    if (!buf)
        return mem_free(h), data;
    c->body = NULL;
    c->body_len = c->body_room = 0;
    return data;
}

/* ------------------------------------------------------------------------------------- the handle */
static bool has_header(const struct http_call *c, const char *name)
{
    struct trb_pairs all = http_call_headers(c);
    return trb_pair_get(&all, name).at != NULL;
}

static void add_line(struct http_call *c, const char *line)
{
    c->lines = curl_slist_append(c->lines, line);
    check(c->lines);
}

static void say_headers(struct http_call *c)
{
    for (uint32_t n = 0; n < c->header_count; n++) {
        struct text line = {0};
        const struct trb_pair *p = &c->headers[n];
        text_adds(&line, p->key.at);
        text_adds(&line, p->value.len ? ": " : ";");
        text_add(&line, slice_name(p->value));
        add_line(c, line.at);
        mem_wipe(line.at, line.len);
        text_fini(&line);
    }
    if (!has_header(c, "expect"))
        add_line(c, "Expect:");
    if (!has_header(c, "content-type"))
        add_line(c, "Content-Type:");
    if (!has_header(c, "accept"))
        add_line(c, "Accept:");
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->lines);
}

/* What libcurl reads from a function it sends twice only if that can go back. It must not, when a kept connection ends
 * after the request has left and before anything came back; it may, where a redirect leads. */
static size_t on_send(char *room, size_t size, size_t count, void *arg)
{
    struct http_call *c = arg;
    size_t left = c->request.body.len - c->sent, len = size * count < left ? size * count : left;
    if (len)
        memcpy(room, c->request.body.at + c->sent, len);
    c->sent += len;
    return len;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct http_call *c = arg;
    if (!c->is_redirected || offset || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    c->is_redirected = false;
    c->sent = 0;
    return CURL_SEEKFUNC_OK;
}

static bool is_once(const struct http_call *c)
{
    bool may_differ = !strcmp(c->method, "POST") || !strcmp(c->method, "PATCH");
    return may_differ && c->request.body.len && !c->request.repeatable;
}

static void say_method(struct http_call *c)
{
    struct trb_slice body = c->request.body;
    const char *m = c->method;
    if (!strcmp(m, "HEAD")) {
        curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (body.at || !strcmp(m, "POST") || !strcmp(m, "PUT") || !strcmp(m, "PATCH")) {
        curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        if (is_once(c)) {
            c->sent = 0;
            curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, on_send);
            curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
            curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
            curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
        } else {
            curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, body.len ? body.at : "");
        }
        if (strcmp(m, "POST"))
            curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, m);
    } else if (strcmp(m, "GET")) {
        curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, m);
    }
}

/* What is left of the smaller of both limits, in whole milliseconds; 0: none. */
static long time_left_ms(const struct http_call *c)
{
    const struct http_setup *s = &c->http->setup;
    int64_t limit = c->request.timeout_ns ? c->request.timeout_ns : 0, left;
    uint64_t deadline = c->request.call ? s->host->deadline_ns(c->request.call) : 0;
    if (deadline) {
        left = (int64_t)(deadline - s->host->now_ns());
        left = left > 0 ? left : 1;
        limit = limit > 0 && limit < left ? limit : left;
    }
    if (!limit)
        limit = s->timeout_ns;
    return limit < 0 ? 0 : (long)((limit + 999999) / 1000000);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void say_limits(struct http_call *c)
{
    const struct http_request *r = &c->request;
    bool is_tls = !strncasecmp(c->url, "https:", 6);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, time_left_ms(c));
    if (c->http->setup.silence_ns > 0) {
        curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_LIMIT, 1l);
        curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_TIME, (long)(c->http->setup.silence_ns / 1000000000));
    }
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->http->setup.connect_timeout_ns / 1000000));
    curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, r->max_redirects ? 1L : 0L);
    curl_easy_setopt(c->easy, CURLOPT_MAXREDIRS, (long)r->max_redirects);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->easy, CURLOPT_REDIR_PROTOCOLS_STR, is_tls ? "https" : "http,https");
    if (r->no_proxy)
        curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
}

static void say_rest(struct http_call *c)
{
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->fault);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(c->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(c->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(c->easy, CURLOPT_USERAGENT, c->http->setup.user_agent);
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION,
                     (long)(c->http->setup.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
}

bool call_ready(struct http_call *c, struct trb_error *err)
{
    const struct http_tls *tls = c->request.tls ? c->request.tls : &c->http->setup.tls;
    c->easy = curl_easy_init();
    check(c->easy);
    if (!c->request.max_answer_bytes)
        c->request.max_answer_bytes = c->http->setup.max_answer_bytes;
    curl_easy_setopt(c->easy, CURLOPT_URL, c->url);
    say_rest(c);
    say_limits(c);
    say_method(c);
    if (!tls_apply(c, tls, err))
        return false;
    say_headers(c);
    return true;
}

void call_forget_answer(struct http_call *c)
{
    if (c->easy)
        curl_easy_cleanup(c->easy);
    c->easy = NULL;
    for (struct curl_slist *l = c->lines; l; l = l->next)
        mem_wipe(l->data, strlen(l->data));
    curl_slist_free_all(c->lines);
    curl_slist_free_all(c->connect_to);
    c->lines = c->connect_to = NULL;
    text_fini(&c->head);
    call_wipe(c->body, c->body_len, c->request.secret);
    c->body = NULL;
    c->body_len = c->body_room = 0;
    c->field_count = 0;
    c->is_cut = false;
}

void call_free(struct http_call *c)
{
    call_forget_answer(c);
    mem_free(c->fields);
    for (uint32_t n = 0; n < c->header_count; n++)
        header_free(&c->headers[n]);
    mem_free(c->headers);
    mem_free(c->method);
    if (c->url)
        call_wipe(c->url, strlen(c->url), true);
    c->magic = 0;
    mem_free(c);
}

void call_error(struct http_call *c, CURLcode code, struct trb_error *err)
{
    const char *product = c->http->setup.product, *why = *c->fault ? c->fault : curl_easy_strerror(code);
    if (c->err.code)
        *err = c->err;
    else if (code == CURLE_OPERATION_TIMEDOUT)
        trb_error(err, TRB_DEADLINE, "DEADLINE", "%s: %s", product, why);
    else if (code == CURLE_SEND_FAIL_REWIND)
        trb_error(err, TRB_UNAVAILABLE, "HTTP_FAILED", "%s: the server closed the connection without an answer; what was asked for "
                  "may have been carried out", product);
    else if (code == CURLE_URL_MALFORMAT || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
        trb_error(err, TRB_INVALID, "BAD_REQUEST", "%s: %s", product, why);
    else
        trb_error(err, TRB_UNAVAILABLE, "HTTP_FAILED", "%s: %s", product, why);
    err->retryable = err->code == TRB_UNAVAILABLE || err->code == TRB_DEADLINE;
}
