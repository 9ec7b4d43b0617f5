/* mailbox: the only door for other threads. A loop that is not asleep is never woken. */
#include <base/mem.h>
#include <errno.h>
#include <loop/loop_inside.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool mailbox_open(struct mailbox *m)
{
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return m->wake_fd >= 0;
}

/* A letter may be what ends the loop, while who posted it has not come back from waking it. */
void mailbox_close(struct mailbox *m)
{
    while (atomic_load_explicit(&m->posters, memory_order_acquire))
        sched_yield();
    if (m->wake_fd >= 0)
        close(m->wake_fd);
    m->wake_fd = -1;
}

void mailbox_wake(struct mailbox *m)
{
    if (!atomic_load(&m->asleep) || !atomic_exchange(&m->asleep, 0))
        return;
    ssize_t n;
    do
        n = write(m->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    while (n < 0 && errno == EINTR);
    check(n == sizeof(uint64_t));
}

bool mailbox_has(const struct mailbox *m)
{
    return atomic_load(&m->newest) != NULL;
}

/* The poster puts the letter first and looks at asleep second; here it is the other way round, so
 * that one of the two sees the other. */
bool mailbox_fall_asleep(struct mailbox *m)
{
    atomic_store(&m->asleep, 1);
    if (!mailbox_has(m))
        return true;
    atomic_store(&m->asleep, 0);
    return false;
}

void mailbox_awake(struct mailbox *m)
{
    atomic_store_explicit(&m->asleep, 0, memory_order_relaxed);
}

bool mailbox_deliver(struct mailbox *m)
{
    struct letter *newest = mailbox_has(m) ? atomic_exchange(&m->newest, NULL) : NULL, *oldest = NULL;
    if (!newest)
        return false;
    while (newest) {
        struct letter *l = newest;
        newest = l->next;
        l->next = oldest;
        oldest = l;
    }
    while (oldest) {
        struct letter *l = oldest;
        oldest = l->next;
        l->next = NULL;
        l->deliver(l);
    }
    return true;
}

static void drop_in(struct mailbox *m, struct letter *letter)
{
    letter->next = atomic_load_explicit(&m->newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&m->newest, &letter->next, letter))
        ;
    mailbox_wake(m);
}

/* Threads with a loop are joined before any loop is destroyed; others are waited for in mailbox_close. */
void loop_post(struct loop *l, struct letter *letter)
{
    struct mailbox *m = &l->mailbox;
    if (loop_self()) {
        drop_in(m, letter);
        return;
    }
    atomic_fetch_add_explicit(&m->posters, 1, memory_order_relaxed);
    drop_in(m, letter);
    atomic_fetch_sub_explicit(&m->posters, 1, memory_order_release);
}

struct errand {
    struct letter letter;
    void (*run)(void *);
    void *arg;
};

static void run_errand(struct letter *letter)
{
    struct errand e = *container_of(letter, struct errand, letter);
    mem_free(letter);
    e.run(e.arg);
}

void loop_call(struct loop *l, void (*run)(void *), void *arg)
{
    struct errand *e = mem_alloc(sizeof *e);
    *e = (struct errand){.letter = {.deliver = run_errand}, .run = run, .arg = arg};
    loop_post(l, &e->letter);
}
