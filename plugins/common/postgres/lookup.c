/* lookup: a thread per lookup, detached; what it shares with the loop is one record under one lock. */
#include <arpa/inet.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <netdb.h>
#include <postgres/lookup.h>
#include <pthread.h>
#include <signal.h>
#include <trilby/services.h>

#define MOST_ADDRESSES 32u

struct pg_lookup {
    pthread_mutex_t lock;
    uint32_t owners;                            /* the thread, and the loop's side: asker or letter */
    bool is_forgotten;                          /* the host is not to be touched any more */
    const struct trb_origin *origin;
    const struct trb_post_service *posts;
    struct pg_target target;                    /* the thread's, then the letter's */
    struct trb_error err;
    bool has_failed;
    void (*found)(void *, const struct pg_target *, const struct trb_error *);
    void *arg;
};

static bool is_address(struct trb_slice host)
{
    char room[64];
    struct in6_addr ignored;
    if (!host.len || *host.at == '/' || *host.at == '@')
        return true;                            /* a socket's folder */
    if (host.len >= sizeof room)
        return false;
    memcpy(room, host.at, host.len);
    room[host.len] = 0;
    return inet_pton(AF_INET, room, &ignored) == 1 || inet_pton(AF_INET6, room, &ignored) == 1;
}

bool pg_lookup_is_needed(const struct pg_target *t)
{
    struct trb_slice hosts = slice_of(pg_target_get(t, "host"));
    const char *known = pg_target_get(t, "hostaddr");
    if (known && *known)
        return false;
    while (hosts.at)
        if (!is_address(slice_split(&hosts, ',')))
            return true;
    return false;
}

static void leave(struct pg_lookup *l)
{
    bool is_last = !--l->owners;
    pthread_mutex_unlock(&l->lock);
    if (!is_last)
        return;
    pthread_mutex_destroy(&l->lock);
    pg_target_fini(&l->target);
    mem_free(l);
}

/* ------------------------------------------------------------------------------------- the thread */
struct rows {
    struct text host, address, port;
    uint32_t count;
};

static void add(struct rows *r, struct trb_slice host, struct trb_slice address, struct trb_slice port)
{
    const char *comma = r->count++ ? "," : "";
    text_adds(&r->host, comma);
    text_add(&r->host, host);
    text_adds(&r->address, comma);
    text_add(&r->address, address);
    text_adds(&r->port, comma);
    text_add(&r->port, port.at ? port : SLICE(""));
}

static trb_code add_found(struct rows *r, struct trb_slice host, struct trb_slice port, struct trb_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *all = NULL;
    char *name = mem_text(host.at, host.len), address[INET6_ADDRSTRLEN];
    int fault = getaddrinfo(name, NULL, &hints, &all);
    if (fault)
        trb_error(err, TRB_UNAVAILABLE, "NO_SUCH_HOST", "cannot resolve '%s': %s", name, gai_strerror(fault));
    for (struct addrinfo *a = fault ? NULL : all; a && r->count < MOST_ADDRESSES; a = a->ai_next)
        if (!getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST))
            add(r, host, slice_of(address), port);
    if (!fault)
        freeaddrinfo(all);
    mem_free(name);
    return fault ? TRB_UNAVAILABLE : TRB_OK;
}

/* One port may stand for all hosts. A host that is not found does not hinder the others. */
static trb_code resolve(struct pg_target *t, struct trb_error *err)
{
    struct trb_slice hosts = slice_of(pg_target_get(t, "host")), ports = slice_of(pg_target_get(t, "port"));
    bool is_shared = !ports.at || !memchr(ports.at, ',', ports.len);
    struct rows r = {0};
    while (hosts.at) {
        struct trb_slice host = slice_split(&hosts, ','), port = is_shared || !ports.at ? ports : slice_split(&ports, ',');
        if (is_address(host))
            add(&r, host, host.len && *host.at != '/' && *host.at != '@' ? host : SLICE(""), port);
        else
            add_found(&r, host, port, err);
    }
    trb_code code = r.count ? TRB_OK : err->code;
    if (!code)
        code = pg_target_set(t, "host", text_slice(&r.host), err);
    if (!code)
        code = pg_target_set(t, "hostaddr", text_slice(&r.address), err);
    if (!code && slice_of(pg_target_get(t, "port")).len)
        code = pg_target_set(t, "port", text_slice(&r.port), err);
    text_fini(&r.host);
    text_fini(&r.address);
    text_fini(&r.port);
    return code;
}

static void deliver(void *arg)
{
    struct pg_lookup *l = arg;
    pthread_mutex_lock(&l->lock);
    if (!l->is_forgotten) {
        l->is_forgotten = true;
        pthread_mutex_unlock(&l->lock);
        l->found(l->arg, l->has_failed ? NULL : &l->target, l->has_failed ? &l->err : NULL);
        pthread_mutex_lock(&l->lock);
    }
    leave(l);
}

static void *run(void *arg)
{
    struct pg_lookup *l = arg;
    l->has_failed = resolve(&l->target, &l->err) != TRB_OK;
    pthread_mutex_lock(&l->lock);
    if (!l->is_forgotten) {
        l->owners++;
        l->posts->post(l->origin, deliver, l);
    }
    leave(l);
    return NULL;
}

/* ---------------------------------------------------------------------------------------- the loop */
struct pg_lookup *pg_lookup_begin(const struct trb_host *host, const struct trb_origin *origin, const struct pg_target *target,
                                  void (*found)(void *, const struct pg_target *, const struct trb_error *), void *arg)
{
    struct pg_lookup *l = mem_zero(sizeof *l);
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t thread;
    *l = (struct pg_lookup){.owners = 2, .origin = origin, .posts = host->extension(TRB_POST), .found = found, .arg = arg};
    pthread_mutex_init(&l->lock, NULL);
    for (uint32_t i = 0; i < target->count; i++)
        pg_target_set(&l->target, target->names[i], slice_of(target->values[i]), &l->err);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int fault = pthread_create(&thread, &detached, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    if (!fault)
        return l;
    l->owners = 1;
    pthread_mutex_lock(&l->lock);
    leave(l);
    return NULL;
}

struct pg_lookup *pg_lookup_forget(struct pg_lookup *l)
{
    if (!l)
        return NULL;
    pthread_mutex_lock(&l->lock);
    l->is_forgotten = true;
    leave(l);
    return NULL;
}
