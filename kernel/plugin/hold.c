/* hold: calls that wait at the door of an instance while an earlier copy hands over what it keeps. They
 * count as asked: their deadlines run, and whoever asked may leave. */
#include <base/check.h>
#include <plugin/call_private.h>

bool call_is_held(struct call *c)
{
    struct instance *i = c->instance;
    if (!atomic_load_explicit(&i->is_held, memory_order_acquire))
        return false;
    pthread_mutex_lock(&i->hold_lock);
    c->is_held = atomic_load(&i->is_held);
    if (c->is_held)
        list_append(&i->held, &c->held_link);
    pthread_mutex_unlock(&i->hold_lock);
    return c->is_held;
}

void instance_hold(struct instance *i)
{
    atomic_store(&i->is_held, 1);
}

static void go_on(struct letter *l)
{
    struct call *c = container_of(l, struct call, travel);
    c->is_held = false;
    call_dispatch(c);
}

void instance_release(struct instance *i)
{
    struct list *node;
    pthread_mutex_lock(&i->hold_lock);
    atomic_store(&i->is_held, 0);
    while ((node = list_take(&i->held))) {
        struct call *c = list_item(node, struct call, held_link);
        c->travel.deliver = go_on;
        loop_post(c->loop, &c->travel);
    }
    pthread_mutex_unlock(&i->hold_lock);
}
