/* lease: one fetch for all who wait. */
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <http/lease.h>

#define EARLY_SHARE 5                   /* renewed when a fifth of its life is left, … */
#define EARLY_MOST_NS 300000000000ull   /* … but not more than five minutes before the end */

static trb_code use_bearer(void *arg, struct http_call *c, struct trb_slice secret, struct trb_error *err)
{
    struct text value = {0};
    text_adds(&value, "Bearer ");
    text_add(&value, secret);
    http_call_set(c, "Authorization", text_slice(&value));
    mem_wipe(value.at, value.len);
    text_fini(&value);
    return TRB_OK;
}

static void use(struct lease *l, struct http_call *c)
{
    struct trb_error err = {.size = sizeof err};
    trb_code code = l->setup.use(l->setup.arg, c, slice_from(l->secret, l->secret_len), &err);
    http_signed(c, code ? &err : NULL);
}

static void fetch(struct lease *l)
{
    if (l->is_fetching)
        return;
    l->is_fetching = true;
    l->setup.fetch(l->setup.arg);
}

static void wait_for(struct lease *l, struct http_call *c)
{
    if (l->waiting_count == l->waiting_room) {
        l->waiting_room = l->waiting_room ? 2 * l->waiting_room : 8;
        l->waiting = mem_grow(l->waiting, l->waiting_room * sizeof(struct http_call *));
    }
    l->waiting[l->waiting_count++] = c;
}

static void sign(void *arg, struct http_call *c)
{
    struct lease *l = arg;
    uint64_t now = l->end_ns ? l->setup.host->now_ns() : 0;
    if (l->secret && (!l->end_ns || now < l->end_ns)) {
        use(l, c);
        if (l->end_ns && now >= l->renew_ns)
            fetch(l);
        return;
    }
    wait_for(l, c);
    fetch(l);
}

static void forget(void *arg, struct http_call *c)
{
    struct lease *l = arg;
    size_t kept = 0;
    for (size_t n = 0; n < l->waiting_count; n++)
        if (l->waiting[n] != c)
            l->waiting[kept++] = l->waiting[n];
    l->waiting_count = kept;
}

static bool refused(void *arg, struct http_call *c)
{
    struct lease *l = arg;
    bool may_change = l->end_ns != 0;
    lease_drop(l);
    return may_change;
}

void lease_init(struct lease *l, const struct lease_setup *setup)
{
    *l = (struct lease){.setup = *setup, .signer = {l, sign, forget, refused}};
    if (!l->setup.use)
        l->setup.use = use_bearer;
}

static void wipe(struct lease *l)
{
    if (l->secret)
        mem_wipe(l->secret, l->secret_len);
    l->secret = mem_free(l->secret);
    l->secret_len = 0;
}

void lease_fini(struct lease *l)
{
    wipe(l);
    l->waiting = mem_free(l->waiting);
    l->waiting_count = l->waiting_room = 0;
}

void lease_drop(struct lease *l)
{
    if (l->end_ns)                      /* what never ends has nothing that could replace it */
        wipe(l);
}

/* Who waits is taken out before it is served: serving may bring others. */
static struct http_call *next(struct lease *l)
{
    struct http_call *first = l->waiting_count ? l->waiting[0] : NULL;
    if (first)
        forget(l, first);
    return first;
}

void lease_got(struct lease *l, struct trb_slice secret, int64_t lifetime_ns)
{
    struct http_call *c;
    wipe(l);
    l->secret = mem_text(secret.at, secret.len);
    l->secret_len = secret.len;
    l->is_fetching = false;
    l->end_ns = l->renew_ns = 0;
    if (lifetime_ns > 0) {
        uint64_t now = l->setup.host->now_ns(), early = (uint64_t)lifetime_ns / EARLY_SHARE;
        l->end_ns = now + (uint64_t)lifetime_ns;
        l->renew_ns = l->end_ns - (early < EARLY_MOST_NS ? early : EARLY_MOST_NS);
    }
    for (size_t n = l->waiting_count; n && (c = next(l)); n--)
        use(l, c);
}

void lease_failed(struct lease *l, const struct trb_error *err)
{
    struct trb_error why = *err;
    struct http_call *c;
    l->is_fetching = false;
    for (size_t n = l->waiting_count; n && (c = next(l)); n--)
        http_signed(c, &why);
}
