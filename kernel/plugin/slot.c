/* slot: where the tokens that plugins hold live, and how long a spent one is left alone.
 *
 * A second answer must meet its own spent token, so the token's memory must not be another call's by then.
 * Nobody knows how late a second answer may be; longer is safer, and memory ends somewhere. */
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <plugin/call_private.h>
#include <pthread.h>

#define QUARANTINE_NS (60 * CLOCK_S)
#define SPENT_ENOUGH 4096u                   /* 256 KiB of them: a busy component's are used sooner, … */
#define QUARANTINE_BUSY_NS CLOCK_S           /* … but never within a second */
#define QUARANTINE_BAD_NS (600 * CLOCK_S)    /* of a component that has answered twice before … */
#define SPENT_TOO_MANY (1u << 20)            /* … up to 64 MiB; then a minute must do */

struct slot_home {
    struct instance *instance;
    pthread_mutex_t lock;
    struct slot *spent_first, *spent_last;   /* oldest first: used again after the quarantine */
    uint32_t spent_count;
    struct list owed;                        /* calls not yet answered, oldest first */
    struct slot_block *blocks;
    struct slot_home *left;                  /* of other instances: left behind for good */
};

#define SLOTS_PER_BLOCK 63
struct slot_block {
    struct slot_block *next;
    uint32_t used;
    struct slot slots[SLOTS_PER_BLOCK];
};

struct slot_home *slot_home_create(struct instance *i)
{
    struct slot_home *h = mem_zero(sizeof *h);
    h->instance = i;
    pthread_mutex_init(&h->lock, NULL);
    list_init(&h->owed);
    return h;
}

/* A plugin that broke the law once may still hold a token: its memory is then left where it is. */
static struct slot_home *leave(struct slot_home *h)
{
    static struct slot_home *last;
    h->left = last;
    last = h;
    return NULL;
}

struct slot_home *slot_home_destroy(struct slot_home *h)
{
    if (!h)
        return NULL;
    if (atomic_load(&h->instance->misbehaved))
        return leave(h);
    for (struct slot_block *b = h->blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    pthread_mutex_destroy(&h->lock);
    return mem_free(h);
}

static struct slot *fresh_slot(struct slot_home *h)
{
    if (!h->blocks || h->blocks->used == SLOTS_PER_BLOCK) {
        struct slot_block *b = mem_zero(sizeof *b);
        b->next = h->blocks;
        h->blocks = b;
    }
    return &h->blocks->slots[h->blocks->used++];
}

static uint64_t quarantine(const struct slot_home *h)
{
    if (atomic_load_explicit(&h->instance->misbehaved, memory_order_relaxed))
        return h->spent_count < SPENT_TOO_MANY ? QUARANTINE_BAD_NS : QUARANTINE_NS;
    return h->spent_count < SPENT_ENOUGH ? QUARANTINE_NS : QUARANTINE_BUSY_NS;
}

static struct slot *unspent(struct slot_home *h, uint64_t now_ns)
{
    struct slot *s = h->spent_first;
    if (!s || now_ns <= s->spent_ns + quarantine(h))
        return fresh_slot(h);
    h->spent_count--;
    h->spent_first = s->next;
    if (!h->spent_first)
        h->spent_last = NULL;
    return s;
}

static void lay_aside(struct slot_home *h, struct slot *s, uint64_t now_ns)
{
    s->call = NULL;
    s->next = NULL;
    s->spent_ns = now_ns;
    if (h->spent_last)
        h->spent_last->next = s;
    else
        h->spent_first = s;
    h->spent_last = s;
    h->spent_count++;
}

void slot_take(struct call *c)
{
    struct slot_home *h = c->instance->slots;
    pthread_mutex_lock(&h->lock);
    c->slot = unspent(h, c->asked_ns);
    list_append(&h->owed, &c->owed_link);
    pthread_mutex_unlock(&h->lock);
}

void slot_spend(struct call *c)
{
    struct slot_home *h = c->instance->slots;
    pthread_mutex_lock(&h->lock);
    list_remove(&c->owed_link);
    lay_aside(h, c->slot, clock_now_ns());
    pthread_mutex_unlock(&h->lock);
}

uint64_t slot_home_oldest_ns(struct slot_home *h)
{
    uint64_t age = 0;
    pthread_mutex_lock(&h->lock);
    if (!list_is_empty(&h->owed))
        age = clock_now_ns() - list_item(h->owed.next, struct call, owed_link)->asked_ns;
    pthread_mutex_unlock(&h->lock);
    return age;
}

bool slot_is_asked(struct slot *s, const struct call *c)
{
    struct slot_home *h = s->public_.origin->instance->slots;
    pthread_mutex_lock(&h->lock);
    bool is_asked = atomic_load(&s->state) == SLOT_ASKED && s->call == c;
    pthread_mutex_unlock(&h->lock);
    return is_asked;
}

struct call *slot_enter(const struct trb_call *token, const char *verb)
{
    struct slot *s = (struct slot *)(void *)(uintptr_t)token;
    check(s && s->magic == SLOT_MAGIC);
    struct instance *i = s->public_.origin->instance;
    pthread_mutex_lock(&i->slots->lock);
    if (atomic_load(&s->state) == SLOT_ASKED)
        return s->call;
    pthread_mutex_unlock(&i->slots->lock);
    instance_misbehaved(i, verb);
    return NULL;
}

void slot_leave(struct call *c)
{
    pthread_mutex_unlock(&c->instance->slots->lock);
}

bool slot_redeem(struct slot *s, const char *verb)
{
    uint32_t asked = SLOT_ASKED;
    check(s && s->magic == SLOT_MAGIC);
    if (atomic_compare_exchange_strong(&s->state, &asked, SLOT_ANSWERED))
        return true;
    instance_misbehaved(s->public_.origin->instance, verb);
    return false;
}
