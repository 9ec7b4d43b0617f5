/* hold: calls that wait at the door of an instance while it hands over what it keeps, and where they go then.
 * They count as asked: their deadlines run, and whoever asked may leave. */
#include <base/check.h>
#include <base/mem.h>
#include <plugin/call_private.h>

#define HELD 1u
#define LETTING_GO 2u                      /* released, and some are on their way still */

static void go_on(struct letter *);

/* Under the lock. */
static void travel(struct call *c)
{
    c->instance->travelling[loop_index(c->loop)]++;
    c->travel.deliver = go_on;
    loop_post(c->loop, &c->travel);
}

/* What was asked before it on its loop comes before it, also while that is on its way. */
static void wait_or_follow(struct call *c)
{
    struct instance *i = c->instance;
    bool waits = !i->successor && atomic_load(&i->is_held) == HELD;
    bool follows = !waits && i->travelling[loop_index(c->loop)];
    c->is_held = waits || follows;
    if (follows)
        travel(c);
    if (waits) {
        list_append(&i->held, &c->held_link);
        i->held_count++;
    }
}

bool call_is_held(struct call *c)
{
    struct instance *i = c->instance;
    if (c->stream || !atomic_load(&i->is_held))
        return false;
    pthread_mutex_lock(&i->hold_lock);
    wait_or_follow(c);
    struct instance *successor = c->is_held ? NULL : i->successor;
    pthread_mutex_unlock(&i->hold_lock);
    if (successor)
        call_move(c, successor);
    return successor || c->is_held;
}

void instance_hold(struct instance *i)
{
    if (!i->travelling)
        i->travelling = mem_zero(loop_count() * sizeof *i->travelling);
    atomic_store(&i->is_held, HELD);
}

/* A call counts before it looks whether it has to wait, so none can be missed here. */
bool instance_is_still(struct instance *i)
{
    pthread_mutex_lock(&i->hold_lock);
    bool is_still = atomic_load(&i->calls) == i->held_count;
    pthread_mutex_unlock(&i->hold_lock);
    return is_still;
}

static uint32_t still_travelling(const struct instance *i)
{
    uint32_t sum = 0;
    for (uint32_t l = 0; l < loop_count(); l++)
        sum += i->travelling[l];
    return sum;
}

static void arrive(struct call *c)
{
    struct instance *i = c->instance;
    pthread_mutex_lock(&i->hold_lock);
    i->travelling[loop_index(c->loop)]--;
    if (atomic_load(&i->is_held) == LETTING_GO && !still_travelling(i))
        atomic_store(&i->is_held, 0);
    pthread_mutex_unlock(&i->hold_lock);
}

/* On the loop that asked: nobody else knows the call. Who has left need not be served. */
static void go_on(struct letter *l)
{
    struct call *c = container_of(l, struct call, travel);
    struct instance *successor = c->instance->successor;
    arrive(c);
    c->is_held = false;
    if (c->told)
        call_refuse(c, TRB_CANCELLED, "CANCELLED", "the call was given up while its component moved");
    else if (successor)
        call_move(c, successor);
    else
        call_dispatch(c);
}

static void let_go(struct instance *i)
{
    struct list *node;
    i->held_count = 0;
    while ((node = list_take(&i->held)))
        travel(list_item(node, struct call, held_link));
}

void instance_release(struct instance *i)
{
    pthread_mutex_lock(&i->hold_lock);
    let_go(i);
    atomic_store(&i->is_held, still_travelling(i) ? LETTING_GO : 0);
    pthread_mutex_unlock(&i->hold_lock);
}

/* is_held stays: every call looks at the successor under the lock. */
void instance_succeed(struct instance *i, struct instance *successor)
{
    check(atomic_load(&i->is_held) && !i->successor);
    instance_pin(successor);
    pthread_mutex_lock(&i->hold_lock);
    i->successor = successor;
    let_go(i);
    pthread_mutex_unlock(&i->hold_lock);
}
