/* task: a request without a client. Its memory comes from a few arenas that each loop keeps. */
#include <base/check.h>
#include <base/mem.h>
#include <request/private.h>

#define TASK_BUDGET (64u << 20)

static struct arena *take_arena(struct request_home *home)
{
    return home->spare_count ? home->spare[--home->spare_count] : arena_create(TASK_BUDGET);
}

static void task_release(struct request *rq)
{
    struct request_home *home = rq->home;
    struct arena *arena = rq->arena;
    if (home->spare_count == REQUEST_SPARE_ARENAS) {
        arena_destroy(arena);
        return;
    }
    arena_clear(arena);
    home->spare[home->spare_count++] = arena;
}

/* Nobody hears an answer; saying one ends the task all the same. */
static const struct request_door task_door = {.release = task_release};

static void begin(void *arg)
{
    struct request *rq = checked(arg, struct request, REQUEST_MAGIC);
    request_start(rq, rq->then);
}

struct request *request_task_create(struct loop *loop, struct request_owner *owner, struct trb_next first,
                                    void *arg)
{
    struct request_birth birth = {.loop = loop, .arena = take_arena(request_home_of(loop)),
                                  .door_kind = TRB_DOOR_TASK, .door = &task_door, .owner = owner};
    struct request *rq = request_create(&birth);
    rq->task_arg = arg;
    rq->then = first;
    rq->out.ended = true;
    job_defer(loop, &rq->job, begin, rq);
    return rq;
}

struct task_letter {
    struct letter letter;
    struct request_owner *owner;
    struct trb_next first;
    struct loop *loop;
    void *arg;
};

static void deliver(struct letter *letter)
{
    struct task_letter *l = container_of(letter, struct task_letter, letter);
    request_task_create(l->loop, l->owner, l->first, l->arg);
    if (l->owner->unpin)
        l->owner->unpin(l->owner);
    mem_free(l);
}

static struct loop *choose(int32_t home)
{
    static _Atomic uint32_t turn;
    if (home >= 0)
        return loop_at((uint32_t)home % loop_count());
    struct loop *here = loop_self();
    return here ? here : loop_at(atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % loop_count());
}

void request_task_post(struct request_owner *owner, int32_t home, struct trb_next first, void *arg)
{
    struct loop *loop = choose(home);
    if (loop == loop_self()) {
        request_task_create(loop, owner, first, arg);
        return;
    }
    struct task_letter *l = mem_alloc(sizeof *l);
    *l = (struct task_letter){.letter = {.deliver = deliver}, .owner = owner, .first = first,
                              .loop = loop, .arg = arg};
    if (owner->pin)
        owner->pin(owner);
    loop_post(loop, &l->letter);
}
