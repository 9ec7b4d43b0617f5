/* sentinel: one question to one sentinel at a time; who answered is asked first the next time. */
#include <base/mem.h>
#include <base/slice.h>
#include <redis/sentinel.h>

struct redis_sentinels {
    struct redis_link_setup setup;
    struct redis_link *link, *asker;
    uint32_t next, tried;
    char last[300];                     /* why the last one did not help */
};

static void try_next(struct redis_sentinels *s);

static void give_up(struct redis_sentinels *s)
{
    struct trb_error err = {0};
    struct redis_link *asker = s->asker;
    s->asker = NULL;
    trb_error(&err, TRB_UNAVAILABLE, "NO_MASTER", "no sentinel of redisHost names a master '%s' (%s)",
              s->setup.config->sentinel_master, s->last);
    redis_link_lost(asker, &err);
}

static void next(struct redis_sentinels *s, const char *why)
{
    snprintf(s->last, sizeof s->last, "%s", why);
    s->link = redis_link_destroy(s->link);
    s->next = (s->next + 1) % s->setup.config->address_count;
    if (++s->tried >= s->setup.config->address_count)
        give_up(s);
    else
        try_next(s);
}

static bool read_address(const struct resp *reply, struct redis_address *to)
{
    const struct resp *host = resp_at(reply, 0), *port = resp_at(reply, 1);
    uint64_t number;
    if (!resp_is(host, RESP_STRING) || !resp_is(port, RESP_STRING) || host->text.len >= sizeof to->host ||
        !slice_to_u64(port->text, &number) || !number || number > 65535)
        return false;
    memcpy(to->host, host->text.at, host->text.len);
    to->host[host->text.len] = 0;
    to->port = (uint32_t)number;
    return true;
}

static void on_master(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct redis_sentinels *s = w->self;
    struct redis_address master;
    if (!s->link || err)                /* on_down goes on */
        return;
    if (!read_address(reply, &master)) {
        next(s, resp_is(reply, RESP_ERROR) ? "it answered with an error" : "it does not know this name");
        return;
    }
    struct redis_link *asker = s->asker;
    s->asker = NULL;
    s->link = redis_link_destroy(s->link);
    redis_link_found(asker, &master);
}

static void on_up(void *arg)
{
    struct redis_sentinels *s = arg;
    struct redis_wish wish = {.answered = on_master, .self = s};
    struct trb_data words[] = {redis_text("SENTINEL"), redis_text("get-master-addr-by-name"),
                               redis_text(s->setup.config->sentinel_master)};
    redis_link_ask(s->link, &wish, words, 3);
}

static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    next(arg, err->message);
}

static void try_next(struct redis_sentinels *s)
{
    struct redis_link_setup one = s->setup;
    one.address = one.config->addresses[s->next];
    s->link = redis_link_create(&one);
}

void redis_sentinels_find(struct redis_sentinels *s, struct redis_link *asker)
{
    s->asker = asker;
    s->tried = 0;
    try_next(s);
}

struct redis_sentinels *redis_sentinels_create(const struct redis_link_setup *setup)
{
    struct redis_sentinels *s = mem_zero(sizeof *s);
    const struct redis_config *c = setup->config;
    s->setup = (struct redis_link_setup){
        .host = setup->host, .origin = setup->origin, .config = c, .username = c->sentinel_username,
        .password = c->sentinel_password, .read_timeout_ns = setup->read_timeout_ns ? setup->read_timeout_ns : 3000 * REDIS_MS,
        .arg = s, .up = on_up, .down = on_down};
    return s;
}

void redis_sentinels_forget(struct redis_sentinels *s)
{
    if (s && s->link)
        redis_link_forget(s->link);
}

struct redis_sentinels *redis_sentinels_destroy(struct redis_sentinels *s)
{
    if (!s)
        return NULL;
    struct redis_link *link = s->link;
    s->link = NULL;
    redis_link_destroy(link);
    return mem_free(s);
}
