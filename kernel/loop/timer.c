/* timer: a binary heap of the loop's timers, the earliest at 1. libevent knows only that one. */
#include <base/mem.h>
#include <loop/loop_inside.h>

static void place(struct timers *h, size_t slot, struct timer *t)
{
    h->heap[slot] = t;
    t->slot = slot;
}

static void rise(struct timers *h, size_t slot, struct timer *t)
{
    for (; slot > 1 && h->heap[slot / 2]->due_ns > t->due_ns; slot /= 2)
        place(h, slot, h->heap[slot / 2]);
    place(h, slot, t);
}

static void sink(struct timers *h, size_t slot, struct timer *t)
{
    for (size_t child; (child = slot * 2) <= h->count; slot = child) {
        if (child < h->count && h->heap[child + 1]->due_ns < h->heap[child]->due_ns)
            child++;
        if (h->heap[child]->due_ns >= t->due_ns)
            break;
        place(h, slot, h->heap[child]);
    }
    place(h, slot, t);
}

static void settle(struct timers *h, size_t slot, struct timer *t)
{
    if (slot > 1 && h->heap[slot / 2]->due_ns > t->due_ns)
        rise(h, slot, t);
    else
        sink(h, slot, t);
}

static void make_room(struct timers *h)
{
    if (h->count + 2 <= h->room)
        return;
    h->room = h->room ? h->room * 2 : 64;
    h->heap = mem_grow(h->heap, h->room * sizeof *h->heap);
}

void timer_set(struct loop *l, struct timer *t, uint64_t due_ns, void (*fire)(void *), void *arg)
{
    loop_check_owner(l);
    check(!t->slot || t->loop == l);
    t->loop = l;
    t->fire = fire;
    t->arg = arg;
    t->due_ns = due_ns;
    if (t->slot) {
        settle(&l->timers, t->slot, t);
        return;
    }
    make_room(&l->timers);
    rise(&l->timers, ++l->timers.count, t);
}

void timer_after(struct loop *l, struct timer *t, uint64_t ns, void (*fire)(void *), void *arg)
{
    uint64_t now = loop_now_ns(l);
    timer_set(l, t, ns > UINT64_MAX - now ? UINT64_MAX : now + ns, fire, arg);
}

void timer_end(struct timer *t)
{
    if (!t->slot)
        return;
    struct timers *h = &t->loop->timers;
    loop_check_owner(t->loop);
    size_t slot = t->slot;
    struct timer *last = h->heap[h->count--];
    t->slot = 0;
    if (last != t)
        settle(h, slot, last);
}

/* A timer that sets itself anew for the past waits for the next turn: each fires once here. */
void timers_fire(struct loop *l)
{
    struct timers *h = &l->timers;
    for (size_t left = h->count; left && h->count && h->heap[1]->due_ns <= l->now_ns; left--) {
        struct timer *t = h->heap[1];
        timer_end(t);
        t->fire(t->arg);
    }
}

uint64_t timers_next_ns(const struct loop *l)
{
    return l->timers.count ? l->timers.heap[1]->due_ns : 0;
}

void timers_fini(struct loop *l)
{
    for (size_t i = 1; i <= l->timers.count; i++)
        l->timers.heap[i]->slot = 0;
    mem_free(l->timers.heap);
    l->timers = (struct timers){0};
}
