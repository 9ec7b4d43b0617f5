/* records: to and from what stands on the wire. */
#include "records.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TTL 3200u
#define TTL_ADDRESS 120u
#define FLUSH (DNS_IN | DNS_TOP_BIT)

static const char services_text[] = "_services._dns-sd._udp.local";

/* As a listen address may spell it: localhost, [::1]. */
static bool read_address(struct trb_slice text, struct identity *ret)
{
    char bare[64];
    if (text.len > 1 && text.at[0] == '[' && text.at[text.len - 1] == ']')
        text = (struct trb_slice){text.at + 1, text.len - 2};
    snprintf(bare, sizeof bare, "%.*s", (int)text.len, text.at);
    if (inet_pton(AF_INET, strcmp(bare, "localhost") ? bare : "127.0.0.1", ret->address) == 1)
        ret->address_len = 4;
    else if (inet_pton(AF_INET6, bare, ret->address) == 1)
        ret->address_len = 16;
    return ret->address_len > 0;
}

const char *identity_make(struct trb_slice app_id, const char *host, uint32_t pid, const char *address, uint16_t port,
                          struct identity *ret)
{
    char text[512];
    size_t len = strlen(host);
    bool is_local = len >= 5 && (!strcmp(host + len - 5, "local") || (len >= 6 && !strcmp(host + len - 6, "local.")));
    memset(ret, 0, sizeof *ret);
    ret->port = port;
    if (!app_id.len || app_id.len >= sizeof ret->app_id)
        return "an app id that is announced has 1 to 63 bytes";
    memcpy(ret->app_id, app_id.at, app_id.len);
    if (!read_address((struct trb_slice){address, strlen(address)}, ret))
        return "the host address is no IP address";
    snprintf(text, sizeof text, "%s.local", ret->app_id);
    if (!dns_name_from((struct trb_slice){text, strlen(text)}, &ret->service))
        return "the app id is no name that DNS could carry";
    snprintf(text, sizeof text, "%s:%u.%s.local", host, pid, ret->app_id);
    if (!dns_name_from((struct trb_slice){text, strlen(text)}, &ret->instance))
        return "the host's name is too long for DNS";
    snprintf(text, sizeof text, is_local ? "%s" : "%s.local", host);
    return dns_name_from((struct trb_slice){text, strlen(text)}, &ret->host) ? NULL : "the host's name is too long for DNS";
}

/* ------------------------------------------------------------------------------------- saying */
static struct trb_slice text_of(const struct identity *me)
{
    return (struct trb_slice){me->app_id, strlen(me->app_id)};
}

static struct trb_slice address_of(const struct identity *me)
{
    return (struct trb_slice){(const char *)me->address, me->address_len};
}

static struct dns_name services_name(void)
{
    struct dns_name n;
    dns_name_from((struct trb_slice){services_text, sizeof services_text - 1}, &n);
    return n;
}

struct trb_slice record_probe(const struct identity *me, uint16_t id, struct dns_writer *w)
{
    dns_write(w, id, 0, false);
    dns_write_question(w, &me->instance, DNS_PTR, DNS_IN);
    dns_write_srv(w, DNS_AUTHORITY, &me->instance, DNS_IN, TTL, me->port, &me->host);
    dns_write_txt(w, DNS_AUTHORITY, &me->instance, DNS_IN, TTL, text_of(me));
    return dns_finish(w);
}

static struct trb_slice say_all(const struct identity *me, uint32_t ttl, uint32_t address_ttl, bool compresses,
                                struct dns_writer *w)
{
    struct dns_name services = services_name();
    dns_write(w, 0, DNS_RESPONSE, compresses);
    dns_write_srv(w, DNS_ANSWER, &me->instance, FLUSH, ttl, me->port, &me->host);
    dns_write_txt(w, DNS_ANSWER, &me->instance, FLUSH, ttl, text_of(me));
    dns_write_ptr(w, DNS_ANSWER, &me->service, DNS_IN, ttl, &me->instance);
    dns_write_ptr(w, DNS_ANSWER, &services, DNS_IN, ttl, &me->service);
    dns_write_address(w, DNS_ANSWER, &me->host, FLUSH, address_ttl, address_of(me));
    return dns_finish(w);
}

struct trb_slice record_announcement(const struct identity *me, struct dns_writer *w)
{
    return say_all(me, TTL, TTL_ADDRESS, true, w);
}

struct trb_slice record_goodbye(const struct identity *me, struct dns_writer *w)
{
    return say_all(me, 0, 0, false, w);
}

struct trb_slice record_query(const struct dns_name *service, uint16_t id, struct dns_writer *w)
{
    dns_write(w, id, 0, true);
    dns_write_question(w, service, DNS_PTR, DNS_IN);
    return dns_finish(w);
}

/* ----------------------------------------------------------------------------------- answering */
/* The asker knows us already, for at least half of the time we would promise. */
static bool is_known(struct dns_reader r, uint32_t answers, const struct identity *me)
{
    struct dns_record record;
    struct dns_name to;
    for (uint32_t i = 0; i < answers && dns_read_record(&r, &record); i++)
        if (record.ttl >= TTL / 2 && dns_name_is(&record.name, &me->service) &&
            dns_record_ptr(r.message, &record, &to) && dns_name_is(&to, &me->instance))
            return true;
    return false;
}

static void say_self(const struct identity *me, uint32_t section, struct dns_writer *w)
{
    dns_write_srv(w, section, &me->instance, DNS_IN, TTL, me->port, &me->host);
    dns_write_txt(w, section, &me->instance, DNS_IN, TTL, text_of(me));
}

static void answer_one(const struct identity *me, const struct dns_name *asked, bool is_known_one, struct dns_writer *w)
{
    struct dns_name services = services_name();
    if (dns_name_is(asked, &me->service) && !is_known_one) {
        dns_write_ptr(w, DNS_ANSWER, &me->service, DNS_IN, TTL, &me->instance);
        say_self(me, DNS_ADDITIONAL, w);
        dns_write_address(w, DNS_ADDITIONAL, &me->host, DNS_IN, TTL_ADDRESS, address_of(me));
    } else if (dns_name_is(asked, &me->instance)) {
        say_self(me, DNS_ANSWER, w);
        dns_write_ptr(w, DNS_ANSWER, &me->service, DNS_IN, TTL, &me->instance);
        dns_write_ptr(w, DNS_ANSWER, &services, DNS_IN, TTL, &me->service);
        dns_write_address(w, DNS_ANSWER, &me->host, DNS_IN, TTL_ADDRESS, address_of(me));
    } else if (dns_name_is(asked, &services)) {
        dns_write_ptr(w, DNS_ANSWER, &services, DNS_IN, TTL, &me->service);
    }
}

/* A message has one order of sections: of several questions the first that means us is answered. */
struct trb_slice record_answer(const struct identity *me, struct trb_slice query, struct dns_writer *w, bool *ret_unicast)
{
    struct trb_slice nothing = {NULL, 0};
    struct dns_reader r, after;
    struct dns_header h;
    struct dns_question q;
    if (!dns_read(query, &r, &h) || h.flags & DNS_RESPONSE || h.authorities)
        return nothing;
    after = r;
    for (uint32_t i = 0; i < h.questions; i++)
        if (!dns_read_question(&after, &q))
            return nothing;
    bool known = is_known(after, h.answers, me);
    dns_write(w, h.id, DNS_RESPONSE | DNS_AUTHORITATIVE, true);
    for (uint32_t i = 0; i < h.questions && !w->counts[DNS_ANSWER] && dns_read_question(&r, &q); i++) {
        *ret_unicast = q.class_ & DNS_TOP_BIT;
        if ((q.class_ & ~DNS_TOP_BIT) == DNS_IN)
            answer_one(me, &q.name, known, w);
    }
    return w->counts[DNS_ANSWER] ? dns_finish(w) : nothing;
}

/* ------------------------------------------------------------------------------------- reading */
struct gathered {
    struct dns_name hosts[SIGHTINGS];      /* of the sighting beside it: its SRV target */
    bool has_srv[SIGHTINGS], has_txt[SIGHTINGS], is_foreign[SIGHTINGS];
    uint32_t count;
};

static struct sighting *sighting_of(struct sighting *all, struct gathered *g, const struct dns_name *instance)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (dns_name_is(&all[i].instance, instance))
            return &all[i];
    if (g->count == SIGHTINGS)
        return NULL;
    g->has_srv[g->count] = g->has_txt[g->count] = g->is_foreign[g->count] = false;
    all[g->count] = (struct sighting){.instance = *instance};
    return &all[g->count++];
}

static void take_record(struct trb_slice message, const struct dns_record *r, struct trb_slice app_id,
                        const struct dns_name *service, struct sighting *all, struct gathered *g)
{
    struct dns_name host;
    uint16_t port;
    if ((r->type != DNS_SRV && r->type != DNS_TXT) || r->name.len == service->len || !dns_name_ends(&r->name, service))
        return;
    struct sighting *s = sighting_of(all, g, &r->name);
    if (!s)
        return;
    size_t i = (size_t)(s - all);
    if (r->type == DNS_TXT) {
        g->has_txt[i] = true;
        g->is_foreign[i] |= !dns_record_txt_is(r, app_id);
    } else if (dns_record_srv(message, r, &port, &host)) {
        g->has_srv[i] = true;
        g->hosts[i] = host;
        s->port = port;
        s->is_gone = r->ttl == 0;
    }
}

/* The first of each family counts. */
static void take_address(const struct dns_record *r, struct sighting *all, struct gathered *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (!g->has_srv[i] || !dns_name_is(&g->hosts[i], &r->name))
            continue;
        if (r->type == DNS_A && r->data.len == 4 && !all[i].has_v4) {
            memcpy(all[i].v4, r->data.at, 4);
            all[i].has_v4 = true;
        } else if (r->type == DNS_AAAA && r->data.len == 16 && !all[i].has_v6) {
            memcpy(all[i].v6, r->data.at, 16);
            all[i].has_v6 = true;
        }
    }
}

/* Two readings: addresses may stand before the records that say whose they are. */
static bool walk(struct dns_reader r, uint32_t count, struct trb_slice app_id, const struct dns_name *service,
                 struct sighting *all, struct gathered *g, bool addresses)
{
    struct dns_record record;
    for (uint32_t i = 0; i < count; i++) {
        if (!dns_read_record(&r, &record))
            return false;
        if (addresses)
            take_address(&record, all, g);
        else
            take_record(r.message, &record, app_id, service, all, g);
    }
    return true;
}

uint32_t record_sightings(struct trb_slice response, struct trb_slice app_id, const struct dns_name *service,
                          struct sighting ret[SIGHTINGS])
{
    struct gathered g = {.count = 0};
    struct dns_reader r;
    struct dns_header h;
    struct dns_question q;
    uint32_t kept = 0;
    if (!dns_read(response, &r, &h) || !(h.flags & DNS_RESPONSE))
        return 0;
    for (uint32_t i = 0; i < h.questions; i++)
        if (!dns_read_question(&r, &q))
            return 0;
    uint32_t count = (uint32_t)h.answers + h.authorities + h.additionals;
    if (!walk(r, count, app_id, service, ret, &g, false) || !walk(r, count, app_id, service, ret, &g, true))
        return 0;
    for (uint32_t i = 0; i < g.count; i++)
        if (g.has_srv[i] && g.has_txt[i] && !g.is_foreign[i] && ret[i].port &&
            (ret[i].is_gone || ret[i].has_v4 || ret[i].has_v6))
            ret[kept++] = ret[i];
    return kept;
}
