/* browser: see browser.h. */
#include "browser.h"
#include <arpa/inet.h>
#include <base/mem.h>
#include <base/slice.h>
#include <trilby/nameresolution.h>

void browser_init(struct browser *b)
{
    b->seen = mem_alloc(SIGHTINGS * sizeof *b->seen);
}

/* --------------------------------------------------------------------------------- who waits */
static void stop_waiting(struct app *a)
{
    a->patience = a->browser->cancel(a->patience);
}

static struct waiter *take_waiters(struct app *a)
{
    struct waiter *all = a->waiting;
    a->waiting = NULL;
    stop_waiting(a);
    return all;
}

/* IPv4 first; the next in turn of those that have the family. */
static const char *choose(struct app *a)
{
    for (int v6 = 0; v6 < 2; v6++)
        for (uint32_t i = 0; i < a->count; i++) {
            struct place *p = &a->places[(a->turn + i) % a->count];
            const char *address = v6 ? p->v6 : p->v4;
            if (!*address)
                continue;
            a->turn = (a->turn + i + 1) % a->count;
            return address;
        }
    return NULL;
}

static void answer(struct trb_call *call, const char *address)
{
    struct trb_name_address found = {.size = sizeof found, .address = {address, strlen(address)}};
    call->host->done(call, &found, sizeof found);
}

static void answer_all(struct app *a)
{
    struct waiter *all = take_waiters(a);
    while (all) {
        struct waiter *w = all;
        all = w->next;
        answer(w->call, choose(a));
        mem_free(w);
    }
}

static void disappoint_all(struct app *a, trb_code code, const char *sentence)
{
    struct waiter *all = take_waiters(a);
    while (all) {
        struct waiter *w = all;
        all = w->next;
        trb_fail(w->call, code, "NOT_FOUND", "%s: %s", sentence, a->id);
        mem_free(w);
    }
}

/* ---------------------------------------------------------------------------------- who is known */
static void app_free(struct app *a)
{
    mem_free(a->places);
    mem_free(a);
}

static void forget(struct app *a)
{
    map_remove(&a->browser->apps, slice_of(a->id));
    stop_waiting(a);
    app_free(a);
}

static void on_patience_over(void *arg)
{
    struct app *a = arg;
    disappoint_all(a, TRB_NOT_FOUND, "couldn't find service");
    forget(a);
}

static struct app *find_or_make(struct browser *b, struct trb_slice id)
{
    struct app *a = map_get(&b->apps, id);
    char name[80];
    if (a || !id.len || id.len >= sizeof a->id)
        return a;
    a = mem_zero(sizeof *a);
    a->browser = b;
    memcpy(a->id, id.at, id.len);
    snprintf(name, sizeof name, "%s.local", a->id);
    if (!dns_name_from(slice_of(name), &a->service) || strlen(a->id) != id.len)
        return mem_free(a);
    map_set(&b->apps, id, a);
    return a;
}

void browser_fini(struct browser *b)
{
    struct map_entry *e;
    uint32_t cursor = 0;
    while ((e = map_next(&b->apps, &cursor))) {
        disappoint_all(e->value, TRB_UNAVAILABLE, "the sidecar is leaving before it was found");
        app_free(e->value);
    }
    map_fini(&b->apps);
    b->seen = mem_free(b->seen);
}

void browser_resolve(struct browser *b, struct trb_call *call, struct trb_slice app_id, uint64_t now_ns)
{
    struct app *a = find_or_make(b, app_id);
    if (!a) {
        trb_fail(call, TRB_NOT_FOUND, "NOT_FOUND", "couldn't find service: %.*s", SLICE_ARG(app_id));
        return;
    }
    const char *address = choose(a);
    a->asked_ns = now_ns;
    if (address)
        return answer(call, address);
    struct waiter *w = mem_zero(sizeof *w);
    *w = (struct waiter){a->waiting, call};
    a->waiting = w;
    if (a->patience)
        return;
    a->patience = b->start(b->arg, BROWSE_NS, on_patience_over, a);
    b->ask(b->arg, &a->service);
}

/* ---------------------------------------------------------------------------------- what is heard */
static struct place *place_of(struct app *a, const struct dns_name *instance)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (dns_name_is(&a->places[i].name, instance))
            return &a->places[i];
    return NULL;
}

static struct place *place_make(struct app *a, const struct dns_name *instance)
{
    if (a->count == a->room) {
        a->room = a->room ? a->room * 2 : 2;
        a->places = mem_grow(a->places, a->room * sizeof *a->places);
    }
    struct place *p = &a->places[a->count++];
    *p = (struct place){.name = *instance};
    return p;
}

static void drop(struct app *a, struct place *p)
{
    if (p)
        *p = a->places[--a->count];
}

static void note_addresses(struct place *p, const struct sighting *s)
{
    char text[INET6_ADDRSTRLEN];
    if (s->has_v4 && inet_ntop(AF_INET, s->v4, text, sizeof text))
        snprintf(p->v4, sizeof p->v4, "%s:%u", text, s->port);
    if (s->has_v6 && inet_ntop(AF_INET6, s->v6, text, sizeof text))
        snprintf(p->v6, sizeof p->v6, "[%s]:%u", text, s->port);
}

static void note(struct app *a, const struct sighting *s, uint64_t now_ns)
{
    struct place *p = place_of(a, &s->instance);
    if (s->is_gone) {
        drop(a, p);
        return;
    }
    if (!p && a->count == INSTANCES)
        return;
    if (!p)
        p = place_make(a, &s->instance);
    p->seen_ns = now_ns;
    p->v4[0] = p->v6[0] = '\0';
    note_addresses(p, s);
}

/* After the first answer to somebody who waits the question goes out once more: others may be slower. */
static void hear(struct app *a, struct trb_slice response, uint64_t now_ns)
{
    struct browser *b = a->browser;
    uint32_t count = record_sightings(response, slice_of(a->id), &a->service, b->seen);
    for (uint32_t i = 0; i < count; i++)
        note(a, &b->seen[i], now_ns);
    if (!a->count || !a->waiting)
        return;
    answer_all(a);
    b->ask(b->arg, &a->service);
}

void browser_hear(struct browser *b, struct trb_slice response, uint64_t now_ns)
{
    struct map_entry *e;
    uint32_t cursor = 0;
    while ((e = map_next(&b->apps, &cursor)))
        hear(e->value, response, now_ns);
}

static void drop_old(struct app *a, uint64_t now_ns)
{
    for (uint32_t i = a->count; i-- > 0;)
        if (now_ns - a->places[i].seen_ns > EXPIRE_NS)
            drop(a, &a->places[i]);
}

void browser_refresh(struct browser *b, uint64_t now_ns)
{
    struct map_entry *e;
    uint32_t cursor = 0;
    while ((e = map_next(&b->apps, &cursor))) {
        struct app *a = e->value;
        drop_old(a, now_ns);
        if (a->count)
            b->ask(b->arg, &a->service);
        else if (!a->waiting)
            forget(a);
    }
}
