/* postgres: starting, and which connection takes a wish. */
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <libpq-fe.h>
#include <postgres/postgres.h>

/* A connection is shared as long as it answers faster than this: pipelined questions cost less together. A slow one
 * waits for the disk, which takes the writes of several connections at once, or for somebody's lock. */
#define SLOW_NS (5 * CLOCK_MS)

struct pg {
    uint32_t magic;
    struct pg_setup setup;
    struct pg_link **links;                     /* the first is always there */
    uint32_t count, most;
    bool is_lost;
    struct trb_call *starting;
};
#define PG_MAGIC 0x50475351u

/* ------------------------------------------------------------------------------- coming and going */
static void on_up(void *arg)
{
    struct pg *p = checked(arg, struct pg, PG_MAGIC);
    struct trb_call *start = p->starting;
    p->starting = NULL;
    if (start) {
        p->setup.then(p->setup.self, start);
    } else if (p->is_lost) {
        p->is_lost = false;
        p->setup.host->ready(p->setup.origin);
    }
}

static struct pg *destroy(struct pg *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        p->links[i] = pg_link_destroy(p->links[i]);
    p->magic = 0;
    mem_free(p->links);
    return mem_free(p);
}

/* A connection that only broke is dialled again at once: that is no loss yet. */
static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct pg *p = checked(arg, struct pg, PG_MAGIC);
    struct trb_call *start = p->starting;
    bool is_up = false;
    if (start) {
        *p->setup.place = destroy(p);
        start->host->fail(start, err);
        return;
    }
    for (uint32_t i = 0; i < p->count; i++)
        is_up = is_up || pg_link_is_up(p->links[i]);
    if (is_up || was_up)
        return;
    p->is_lost = true;
    p->setup.host->lost(p->setup.origin, err);
}

static void open_link(struct pg *p)
{
    const struct pg_link_setup s = {.host = p->setup.host, .origin = p->setup.origin, .config = p->setup.config, .arg = p,
                                    .up = on_up, .down = on_down, .may_sleep = true};
    p->links[p->count++] = pg_link_create(&s);
}

/* ------------------------------------------------------------------------------------------ start */
static bool is_word(const PQconninfoOption *known, const char *name)
{
    for (; known->keyword; known++)
        if (!strcmp(known->keyword, name))
            return true;
    return false;
}

static trb_code fit_words(struct pg_target *t, const PQconninfoOption *known, struct trb_error *err)
{
    for (uint32_t i = 0; i < t->count;) {
        if (is_word(known, t->names[i])) {
            i++;
            continue;
        }
        char *name = mem_text(t->names[i], strlen(t->names[i]));
        trb_code code = pg_target_add_setting(t, name, t->values[i], err);
        pg_target_drop(t, name);
        mem_free(name);
        if (code)
            return code;
        i = 0;
    }
    return TRB_OK;
}

/* Words that libpq does not know are settings of the session, as other drivers take them. */
static trb_code fit(struct pg_target *t, struct trb_error *err)
{
    PQconninfoOption *known = PQconndefaults();
    if (!known)
        return trb_error(err, TRB_EXHAUSTED, "NO_MEMORY", "libpq has no memory for its options");
    trb_code code = fit_words(t, known, err);
    PQconninfoFree(known);
    if (!code && !pg_target_get(t, "gssencmode"))
        code = pg_target_set(t, "gssencmode", SLICE("disable"), err);
    return code ? code : pg_target_set(t, "client_encoding", SLICE("UTF8"), err);
}

void pg_start(const struct pg_setup *setup, struct trb_call *start)
{
    struct trb_error err = {0};
    if (pg_config_check(setup->config, setup->flags, &err) || fit(&setup->config->target, &err)) {
        pg_config_fini(setup->config);
        start->host->fail(start, &err);
        return;
    }
    if (!setup->host->extension(TRB_WATCH) || !setup->host->extension(TRB_TIMER) || !setup->host->extension(TRB_POST)) {
        trb_fail(start, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends no watches, timers or posts, which PostgreSQL needs");
        return;
    }
    if ((setup->flags & PG_IAM_IS_IGNORED) && setup->config->aws_iam)
        trb_log(setup->host, setup->origin, TRB_LOG_WARN, "useAWSIAM has no effect here: user and password are used");
    struct pg *p = mem_zero(sizeof *p);
    *p = (struct pg){.magic = PG_MAGIC, .setup = *setup, .most = setup->config->connections, .starting = start};
    p->links = mem_zero(p->most * sizeof *p->links);
    *setup->place = p;
    open_link(p);
}

struct pg *pg_stop(struct pg *p)
{
    if (!p)
        return NULL;
    check(p->magic == PG_MAGIC);
    for (uint32_t i = 0; i < p->count; i++)
        pg_link_forget(p->links[i]);
    return destroy(p);
}

struct pg *pg_close(struct pg *p)
{
    return p ? destroy(p) : NULL;
}

/* ----------------------------------------------------------------------------------------- asking */
void pg_ask(struct pg *p, const struct pg_wish *wish)
{
    struct pg_link *best = NULL;
    bool are_all_up = true, is_slow = true;
    for (uint32_t i = 0; i < p->count && is_slow; i++) {
        struct pg_link *l = p->links[i];
        are_all_up = are_all_up && pg_link_is_up(l);
        if (!pg_link_is_up(l))
            continue;
        is_slow = pg_link_waits_ns(l) >= SLOW_NS;
        if (!best || !is_slow || pg_link_in_flight(l) < pg_link_in_flight(best))
            best = l;
    }
    if (is_slow && are_all_up && p->count < p->most)
        open_link(p);
    pg_link_ask(best ? best : p->links[0], wish);
}

struct pg_link *pg_own_link(struct pg *p, struct pg_link_setup *s)
{
    s->host = p->setup.host;
    s->origin = p->setup.origin;
    s->config = p->setup.config;
    return pg_link_create(s);
}

void pg_fail(struct trb_call *call, const char *what, const struct trb_error *err)
{
    struct trb_error full = *err;
    if (what)
        snprintf(full.message, sizeof full.message, "%s: %.400s", what, err->message);
    call->host->fail(call, &full);
}

/* ------------------------------------------------------------------------------------- identifiers */
static bool is_plain(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
        if (!is_letter && (!i || !((c >= '0' && c <= '9') || c == '$')))
            return false;
    }
    return s.len > 0;
}

static bool is_quoted(struct trb_slice s)
{
    return s.len > 2 && s.at[0] == '"' && s.at[s.len - 1] == '"' && !memchr(s.at + 1, '"', s.len - 2);
}

bool pg_is_identifier(const char *text, bool may_have_schema)
{
    struct trb_slice name = slice_of(text), schema = slice_split(&name, '.');
    if (!name.at)
        return is_plain(schema) || is_quoted(schema);
    return may_have_schema && (is_plain(schema) || is_quoted(schema)) && (is_plain(name) || is_quoted(name));
}
