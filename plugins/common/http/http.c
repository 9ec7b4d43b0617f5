/* http: libcurl's multi interface on the host's loop: its sockets are watches, its timer is a timer.
 *
 * libcurl looks names up in threads that it may leave behind (CURLOPT_QUICK_EXIT: else it would wait for
 * them on our loop). They run nothing but libcurl's own code, and libcurl stays mapped once it is there:
 * so the plugin itself may go. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <dlfcn.h>
#include <http/inside.h>

#define DEFAULT_MAX_BODY (16u << 20)
#define DEFAULT_CONNECT_NS 10000000000ll
#define DEFAULT_TIMEOUT_NS 60000000000ll
#define DEFAULT_CONNECTIONS 32

struct socket {
    struct http *http;
    curl_socket_t fd;
    struct trb_watch *watch;
};

/* ------------------------------------------------------------------------------------ finishing */
static void tell(struct http_call *c, const struct trb_error *err)
{
    struct trb_pair *pairs = mem_alloc((c->field_count + 1) * sizeof *pairs);
    char *url = NULL;
    struct http_answer answer = {.status = call_status(c), .reason = "", .body = {c->body ? c->body : "", c->body_len},
                                 .headers = {pairs, c->field_count, sizeof *pairs}, .is_cut = c->is_cut, .call = c};
    for (uint32_t n = 0; n < c->field_count; n++) {
        const struct http_line *l = &c->fields[n];
        pairs[n] = (struct trb_pair){{c->head.at + l->name, l->name_len}, {c->head.at + l->value, l->value_len}};
    }
    if (c->head.at)
        answer.reason = c->head.at + c->reason_at;
    if (c->easy)
        curl_easy_getinfo(c->easy, CURLINFO_EFFECTIVE_URL, &url);
    answer.url = url ? url : c->url;
    c->request.answered(c->request.arg, err ? NULL : &answer, err);
    mem_free(pairs);
}

static void finish(struct http_call *c, const struct trb_error *err)
{
    if (c->state == CALL_SENT)
        curl_multi_remove_handle(c->http->multi, c->easy);
    else if (c->state == CALL_SIGNING)
        c->request.signer->forget(c->request.signer->arg, c);
    list_remove(&c->link);
    tell(c, err);
    call_free(c);
}

static void on_late(void *arg)
{
    struct http *h = checked(arg, struct http, HTTP_MAGIC);
    struct http_call *found;
    h->late = h->timers->cancel(h->late);
    do {
        found = NULL;
        list_each (node, &h->calls) {
            struct http_call *c = list_item(node, struct http_call, link);
            found = c->state == CALL_FAILED ? c : found;
        }
        if (found) {
            struct trb_error err = found->err;
            finish(found, &err);
        }
    } while (found);
}

static void fail_later(struct http_call *c, const struct trb_error *err)
{
    c->state = CALL_FAILED;
    c->err = *err;
    if (!c->http->late && !c->http->is_leaving)
        c->http->late = c->http->timers->start(c->http->setup.origin, 0, on_late, c->http);
}

/* ------------------------------------------------------------------------------------ sending */
static void sign(struct http_call *c)
{
    c->state = CALL_SIGNING;
    if (c->request.signer)
        c->request.signer->sign(c->request.signer->arg, c);
    else
        http_signed(c, NULL);
}

void http_signed(struct http_call *call, const struct trb_error *why)
{
    struct http_call *c = checked(call, struct http_call, CALL_MAGIC);
    struct trb_error err = {.size = sizeof err};
    CURLMcode bad;
    check(c->state == CALL_SIGNING);
    if (why) {
        err = *why;
    } else if (c->err.code) {           /* a credential that no header can carry */
        err = c->err;
    } else if (call_ready(c, &err)) {
        c->state = CALL_SENT;
        if (!(bad = curl_multi_add_handle(c->http->multi, c->easy)))
            return;
        trb_error(&err, TRB_INTERNAL, "HTTP_CLIENT", "%s: %s", c->http->setup.product, curl_multi_strerror(bad));
    }
    fail_later(c, &err);
}

static bool is_refused(struct http_call *c)
{
    const struct http_signer *s = c->request.signer;
    if (!s || !s->refused || c->is_second || call_status(c) != 401 || !s->refused(s->arg, c))
        return false;
    curl_multi_remove_handle(c->http->multi, c->easy);
    call_forget_answer(c);
    c->is_second = true;
    sign(c);
    return true;
}

static void on_over(struct http_call *c, CURLcode code)
{
    struct trb_error err = {.size = sizeof err};
    bool is_whole = !code || (c->is_cut && code == CURLE_WRITE_ERROR);
    if (is_whole && is_refused(c))
        return;
    if (!is_whole)
        call_error(c, code, &err);
    finish(c, is_whole ? NULL : &err);
}

static void drain(struct http *h)
{
    CURLMsg *said;
    int left;
    while ((said = curl_multi_info_read(h->multi, &left))) {
        char *call = NULL;
        CURLcode code = said->data.result;
        if (said->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, &call);
        on_over(checked(call, struct http_call, CALL_MAGIC), code);
    }
}

/* ------------------------------------------------------------------------------ libcurl's wishes */
static void act(struct http *h, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(h->multi, fd, what, &running);
    drain(h);
}

static void on_ready(void *arg, uint32_t what)
{
    struct socket *s = arg;
    act(s->http, s->fd, (what & TRB_WATCH_READ ? CURL_CSELECT_IN : 0) | (what & TRB_WATCH_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
    struct http *h = checked(arg, struct http, HTTP_MAGIC);
    h->timer = h->timers->cancel(h->timer);
    act(h, CURL_SOCKET_TIMEOUT, 0);
}

static int wish_timer(CURLM *multi, long after_ms, void *arg)
{
    struct http *h = arg;
    if (h->is_leaving)
        return 0;
    h->timer = h->timers->cancel(h->timer);
    if (after_ms >= 0)
        h->timer = h->timers->start(h->setup.origin, (uint64_t)after_ms * 1000000, on_timer, h);
    return 0;
}

static void socket_forget(struct http *h, struct socket *s)
{
    curl_multi_assign(h->multi, s->fd, NULL);
    if (!h->is_leaving)
        h->watches->end(s->watch);
    mem_free(s);
}

static int wish_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct http *h = arg;
    struct socket *s = socket;
    uint32_t want = (what & CURL_POLL_IN ? TRB_WATCH_READ : 0) | (what & CURL_POLL_OUT ? TRB_WATCH_WRITE : 0);
    if (what == CURL_POLL_REMOVE) {
        if (s)
            socket_forget(h, s);
    } else if (s) {
        h->watches->change(s->watch, want);
    } else if (!h->is_leaving) {
        s = mem_zero(sizeof *s);
        *s = (struct socket){h, fd, NULL};
        if (!(s->watch = h->watches->start(h->setup.origin, fd, want, on_ready, s)))
            return mem_free(s), -1;
        curl_multi_assign(h->multi, fd, s);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------ the client */
static void init_once(void)
{
    Dl_info info;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (dladdr((void *)(uintptr_t)curl_multi_init, &info) && info.dli_fname)
        dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

static void fill_in(struct http_setup *s)
{
    s->max_answer_bytes = s->max_answer_bytes ? s->max_answer_bytes : DEFAULT_MAX_BODY;
    s->connect_timeout_ns = s->connect_timeout_ns ? s->connect_timeout_ns : DEFAULT_CONNECT_NS;
    s->timeout_ns = s->timeout_ns ? s->timeout_ns : DEFAULT_TIMEOUT_NS;
    s->max_connections = s->max_connections ? s->max_connections : DEFAULT_CONNECTIONS;
    s->user_agent = s->user_agent ? s->user_agent : "trilby";
}

struct http *http_create(const struct http_setup *setup, struct trb_error *err)
{
    const struct trb_once_service *once = setup->host->extension(TRB_ONCE);
    const struct trb_watch_service *watches = setup->host->extension(TRB_WATCH);
    const struct trb_timer_service *timers = setup->host->extension(TRB_TIMER);
    if (!once || !watches || !timers) {
        trb_error(err, TRB_UNIMPLEMENTED, "OLD_HOST", "%s needs a host that lends watches and timers", setup->product);
        return NULL;
    }
    once->run("libcurl", init_once);
    if (!tls_check(setup, err))
        return NULL;
    struct http *h = mem_zero(sizeof *h);
    *h = (struct http){.magic = HTTP_MAGIC, .setup = *setup, .watches = watches, .timers = timers, .multi = curl_multi_init()};
    check(h->multi);
    list_init(&h->calls);
    fill_in(&h->setup);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, wish_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, wish_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)h->setup.max_connections);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->setup.max_connections);
    return h;
}

struct http *http_destroy(struct http *http)
{
    if (!http)
        return NULL;
    struct http *h = checked(http, struct http, HTTP_MAGIC);
    struct trb_error err = {.size = sizeof err};
    trb_error(&err, TRB_UNAVAILABLE, "STOPPING", "%s: the component is being stopped", h->setup.product);
    h->is_leaving = true;
    while (!list_is_empty(&h->calls))
        finish(list_item(h->calls.next, struct http_call, link), &err);
    curl_multi_cleanup(h->multi);
    h->magic = 0;
    return mem_free(h);
}

struct http_call *http_ask(struct http *http, const struct http_request *request)
{
    struct http *h = checked(http, struct http, HTTP_MAGIC);
    struct http_call *c = mem_zero(sizeof *c);
    struct trb_error err = {.size = sizeof err};
    c->magic = CALL_MAGIC;
    c->http = h;
    list_append(&h->calls, &c->link);
    if (call_copy(c, request, &err))
        sign(c);
    else
        fail_later(c, &err);
    return c;
}

void http_cancel(struct http_call *call, uint32_t why)
{
    struct http_call *c = checked(call, struct http_call, CALL_MAGIC);
    struct trb_error err = {.size = sizeof err};
    const char *product = c->http->setup.product;
    if (why == TRB_WHY_DEADLINE)
        trb_error(&err, TRB_DEADLINE, "DEADLINE", "%s: no answer before the deadline", product);
    else
        trb_error(&err, TRB_CANCELLED, "CANCELLED", "%s: the request was cancelled", product);
    finish(c, &err);
}

void http_cancel_for(struct http *h, struct trb_call *call, uint32_t why)
{
    struct http_call *found;
    do {
        found = NULL;
        list_each (node, &h->calls) {
            struct http_call *c = list_item(node, struct http_call, link);
            found = c->request.call == call ? c : found;
        }
        if (found)
            http_cancel(found, why);
    } while (found);
}
