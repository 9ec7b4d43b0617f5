/* shared_slot: each loop keeps a reference of its own and looks at one number per use. A new thing
 * changes the number, and a letter makes idle loops drop the old one. */
#include <base/check.h>
#include <base/mem.h>
#include <loop/loop.h>
#include <pthread.h>
#include <request/private.h>
#include <request/shared_slot.h>
#include <stdatomic.h>

struct view {
    uint64_t version;
    void *thing;
    char apart[48];                     /* a cache line each */
};

struct shared_slot {
    const struct shared_kind *kind;
    _Atomic uint64_t version;
    _Atomic uint32_t refs;              /* the owner's and those of letters under way */
    pthread_mutex_t lock;
    void *current;
    struct view views[REQUEST_LOOPS];
};

struct shared_slot *shared_slot_create(const struct shared_kind *kind)
{
    struct shared_slot *slot = mem_zero(sizeof *slot);
    pthread_mutex_init(&slot->lock, NULL);
    slot->kind = kind;
    slot->refs = 1;
    return slot;
}

static void drop(struct shared_slot *slot, void *thing)
{
    if (thing)
        slot->kind->unref(thing);
}

static void unref(struct shared_slot *slot)
{
    if (atomic_fetch_sub(&slot->refs, 1) != 1)
        return;
    for (uint32_t i = 0; i < REQUEST_LOOPS; i++)
        drop(slot, slot->views[i].thing);
    drop(slot, slot->current);
    pthread_mutex_destroy(&slot->lock);
    mem_free(slot);
}

struct shared_slot *shared_slot_destroy(struct shared_slot *slot)
{
    if (slot)
        unref(slot);
    return NULL;
}

static void refresh(struct shared_slot *slot, struct view *view)
{
    void *old = view->thing;
    pthread_mutex_lock(&slot->lock);
    view->thing = slot->current;
    if (view->thing)
        slot->kind->ref(view->thing);
    view->version = slot->version;
    pthread_mutex_unlock(&slot->lock);
    drop(slot, old);
}

void *shared_slot_get(struct shared_slot *slot)
{
    struct loop *loop = loop_self();
    check(loop && loop_index(loop) < REQUEST_LOOPS);
    struct view *view = &slot->views[loop_index(loop)];
    if (view->version != atomic_load_explicit(&slot->version, memory_order_acquire))
        refresh(slot, view);
    return view->thing;
}

static void on_nudge(void *arg)
{
    shared_slot_get(arg);
    unref(arg);
}

void shared_slot_set(struct shared_slot *slot, void *given)
{
    pthread_mutex_lock(&slot->lock);
    void *old = slot->current;
    slot->current = given;
    atomic_fetch_add(&slot->version, 1);
    pthread_mutex_unlock(&slot->lock);
    drop(slot, old);
    for (uint32_t i = 0; i < loop_count(); i++) {
        atomic_fetch_add(&slot->refs, 1);
        loop_call(loop_at(i), on_nudge, slot);
    }
}
