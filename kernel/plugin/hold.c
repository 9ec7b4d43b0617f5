/* hold: calls that wait at the door of an instance while it hands over what it keeps, and where they go then.
 * They count as asked: their deadlines run, and whoever asked may leave. */
#include <base/check.h>
#include <plugin/call_private.h>

bool call_is_held(struct call *c)
{
    struct instance *i = c->instance;
    if (c->stream || !atomic_load(&i->is_held))
        return false;
    pthread_mutex_lock(&i->hold_lock);
    struct instance *successor = i->successor;
    c->is_held = !successor && atomic_load(&i->is_held);
    if (c->is_held) {
        list_append(&i->held, &c->held_link);
        i->held_count++;
    }
    pthread_mutex_unlock(&i->hold_lock);
    if (successor)
        call_move(c, successor);
    return successor || c->is_held;
}

void instance_hold(struct instance *i)
{
    atomic_store(&i->is_held, 1);
}

/* A call counts before it looks whether it has to wait, so none can be missed here. */
bool instance_is_still(struct instance *i)
{
    pthread_mutex_lock(&i->hold_lock);
    bool is_still = atomic_load(&i->calls) == i->held_count;
    pthread_mutex_unlock(&i->hold_lock);
    return is_still;
}

/* On the loop that asked: nobody else knows the call. Who has left need not be served. */
static void go_on(struct letter *l)
{
    struct call *c = container_of(l, struct call, travel);
    struct instance *successor = c->instance->successor;
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
    while ((node = list_take(&i->held))) {
        struct call *c = list_item(node, struct call, held_link);
        c->travel.deliver = go_on;
        loop_post(c->loop, &c->travel);
    }
}

void instance_release(struct instance *i)
{
    pthread_mutex_lock(&i->hold_lock);
    atomic_store(&i->is_held, 0);
    let_go(i);
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
