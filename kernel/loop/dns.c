/* dns: questions wait on a lookup, one lookup a name; answers live in a cache for seconds.
 *
 * The lock guards the table and every state below; a question is answered on its own loop. */
#include <arpa/inet.h>
#include <base/check.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <loop/dns.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/un.h>

#define KEEP_NS (5 * CLOCK_S)
#define KEEP_FAILURE_NS (1 * CLOCK_S)
#define MAX_NAMES 1024
#define MAX_NAME 255
#define PARALLEL 8

enum state { WAITING, DEFERRED, POSTED, CANCELLED };

struct dns_query {
    struct list link;                       /* WAITING: in its lookup's list */
    struct letter letter;
    struct job job;
    enum state state;
    uint16_t port;
    struct loop *loop;
    void (*done)(void *, const struct dns_answer *, const struct trb_error *);
    void *arg;
    struct dns_answer answer;
    struct trb_error err;
};

/* A name: being looked up, or with an answer that is good until good_until_ns. */
struct lookup {
    struct work work;
    char name[MAX_NAME + 1];
    bool is_running;
    uint64_t good_until_ns;
    struct list queries;
    struct dns_answer answer;
    struct trb_error err;
};

static struct {
    pthread_mutex_t lock;
    struct worker_queue *queue;
    struct map names;
} dns = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ----------------------------------------------------------------------------------- addresses */
static void set_port(struct dns_address *a, uint16_t port)
{
    if (a->addr.ss_family == AF_INET)
        ((struct sockaddr_in *)&a->addr)->sin_port = htons(port);
    else if (a->addr.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->addr)->sin6_port = htons(port);
}

static trb_code read_unix(struct trb_slice path, struct dns_answer *ret, struct trb_error *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->at[0].addr;
    if (!path.len || path.len >= sizeof un->sun_path)
        return error_set(err, TRB_INVALID, "BAD_ADDRESS", "socket path of %zu bytes", path.len);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.at, path.len);
    ret->at[0].len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    ret->count = 1;
    return TRB_OK;
}

static bool read_literal(const char *host, struct dns_answer *ret)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
    bool numeric = strchr(host, ':') || strspn(host, "0123456789.") == strlen(host);
    if (!numeric || getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    memcpy(&ret->at[0].addr, found->ai_addr, found->ai_addrlen);
    ret->at[0].len = found->ai_addrlen;
    ret->count = 1;
    freeaddrinfo(found);
    return true;
}

static void look_up(struct lookup *l)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int failed = getaddrinfo(l->name, NULL, &hints, &found);
    l->answer.count = 0;
    for (struct addrinfo *i = failed ? NULL : found; i && l->answer.count < countof(l->answer.at); i = i->ai_next) {
        struct dns_address *a = &l->answer.at[l->answer.count++];
        memcpy(&a->addr, i->ai_addr, i->ai_addrlen);
        a->len = i->ai_addrlen;
    }
    if (found)
        freeaddrinfo(found);
    if (!l->answer.count)
        error_set(&l->err, TRB_UNAVAILABLE, "CANNOT_RESOLVE", "cannot resolve '%s': %s", l->name,
                  failed && failed != EAI_NONAME && failed != EAI_NODATA ? gai_strerror(failed) : "no such host");
}

/* ------------------------------------------------------------------------------------- answers */
static void finish(struct dns_query *q)
{
    for (uint32_t i = 0; i < q->answer.count; i++)
        set_port(&q->answer.at[i], q->port);
    if (q->state != CANCELLED)
        q->done(q->arg, q->err.code ? NULL : &q->answer, q->err.code ? &q->err : NULL);
    error_release(&q->err);
    mem_free(q);
}

static void run_deferred(void *arg)
{
    finish(arg);
}

static void deliver(struct letter *letter)
{
    finish(container_of(letter, struct dns_query, letter));
}

static void fill(struct dns_query *q, const struct lookup *l)
{
    q->answer.count = l->answer.count;
    memcpy(q->answer.at, l->answer.at, l->answer.count * sizeof l->answer.at[0]);
    q->err = l->err;
}

static void run_lookup(struct work *w)
{
    struct lookup *l = container_of(w, struct lookup, work);
    look_up(l);
    pthread_mutex_lock(&dns.lock);
    l->is_running = false;
    l->good_until_ns = clock_now_ns() + (l->err.code ? KEEP_FAILURE_NS : KEEP_NS);
    for (struct list *node; (node = list_take(&l->queries));) {
        struct dns_query *q = list_item(node, struct dns_query, link);
        fill(q, l);
        q->state = POSTED;
        q->letter.deliver = deliver;
        loop_post(q->loop, &q->letter);
    }
    pthread_mutex_unlock(&dns.lock);
}

/* --------------------------------------------------------------------------------------- table */
static void forget(bool all)
{
    uint32_t i = 0;
    uint64_t now = clock_now_ns();
    for (struct map_entry *e; (e = map_next(&dns.names, &i));) {
        struct lookup *l = e->value;
        if (l->is_running || (!all && l->good_until_ns > now))
            continue;
        map_remove(&dns.names, slice_of(l->name));
        mem_free(l);
    }
}

static struct lookup *find_or_add(struct trb_slice name)
{
    struct lookup *l = map_get(&dns.names, name);
    if (l)
        return l;
    if (dns.names.live >= MAX_NAMES)
        forget(false);
    if (dns.names.live >= MAX_NAMES)
        forget(true);
    l = mem_zero(sizeof *l);
    list_init(&l->queries);
    memcpy(l->name, name.at, name.len);
    map_set(&dns.names, name, l);
    return l;
}

static void defer(struct dns_query *q)
{
    q->state = DEFERRED;
    job_defer(q->loop, &q->job, run_deferred, q);
}

static void ask(struct dns_query *q, struct trb_slice name)
{
    struct lookup *l = find_or_add(name);
    if (!l->is_running && l->good_until_ns > loop_now_ns(q->loop)) {
        fill(q, l);
        defer(q);
        return;
    }
    if (!l->is_running) {
        l->err = (struct trb_error)ERROR_INIT;
        l->work.run = run_lookup;
        l->is_running = worker_queue_add(dns.queue, &l->work);
    }
    if (!l->is_running) {
        error_set(&q->err, TRB_UNAVAILABLE, "BUSY", "too many names wait to be resolved");
        defer(q);
        return;
    }
    q->state = WAITING;
    list_append(&l->queries, &q->link);
}

/* ----------------------------------------------------------------------------------- interface */
void dns_start(struct workers *workers)
{
    check(!dns.queue);
    dns.queue = worker_queue_create(workers, PARALLEL, 0);
}

void dns_stop(void)
{
    dns.queue = worker_queue_destroy(dns.queue);
    forget(true);
    check(!dns.names.live);
    map_fini(&dns.names);
}

struct dns_query *dns_resolve(struct loop *loop, struct trb_slice host, uint16_t port,
                              void (*done)(void *arg, const struct dns_answer *, const struct trb_error *),
                              void *arg)
{
    struct dns_query *q = mem_zero(sizeof *q);
    char name[MAX_NAME + 1] = "";
    q->loop = loop;
    q->port = port;
    q->done = done;
    q->arg = arg;
    q->err = (struct trb_error)ERROR_INIT;
    list_init(&q->link);
    if (host.len && host.len <= MAX_NAME)
        memcpy(name, host.at, host.len);
    if (slice_starts(host, SLICE("unix:")))
        read_unix(slice_skip(host, 5), &q->answer, &q->err);
    else if (!name[0] || strlen(name) != host.len)
        error_set(&q->err, TRB_INVALID, "BAD_NAME", "a host name of %zu bytes cannot be resolved", host.len);
    else if (!read_literal(name, &q->answer)) {
        pthread_mutex_lock(&dns.lock);
        ask(q, host);
        pthread_mutex_unlock(&dns.lock);
        return q;
    }
    defer(q);
    return q;
}

void dns_cancel(struct dns_query *q)
{
    pthread_mutex_lock(&dns.lock);
    bool posted = q->state == POSTED;
    if (posted)
        q->state = CANCELLED;
    else if (q->state == WAITING)
        list_remove(&q->link);
    pthread_mutex_unlock(&dns.lock);
    if (posted)
        return;
    job_end(&q->job);
    error_release(&q->err);
    mem_free(q);
}
