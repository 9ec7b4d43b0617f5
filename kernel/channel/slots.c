/* slots: app-max-concurrency. One count for the process, one queue; a slot is held until the answer's
 * body is over. */
#include <base/list.h>
#include <channel/outgoing.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list waiting = {&waiting, &waiting};
static int64_t taken;

static bool counts(const struct outgoing *o)
{
    bool to_app = o->question.to == TRB_TO_APP || o->question.to == TRB_TO_APP_GRPC;
    return to_app && !(o->question.flags & TRB_OUT_NO_SLOT) && channel_setup()->app_slots > 0;
}

/* Once it stands in the queue another loop may give it its turn at any moment. */
bool app_slot_take(struct outgoing *o)
{
    if (!counts(o))
        return true;
    pthread_mutex_lock(&lock);
    bool has_slot = o->has_slot = taken < channel_setup()->app_slots;
    if (has_slot) {
        taken++;
    } else {
        request_pin(o->rq);                /* the queue holds it until it is started or given up */
        list_append(&waiting, &o->slot_link);
    }
    pthread_mutex_unlock(&lock);
    return has_slot;
}

static void on_turn(struct letter *l)
{
    struct outgoing *o = container_of(l, struct outgoing, slot_letter);
    if (o->is_running)
        outgoing_start_app(o);
    else
        app_slot_give(o);
    request_unpin(o->rq);
}

void app_slot_give(struct outgoing *o)
{
    struct outgoing *next = NULL;
    if (!counts(o))
        return;
    pthread_mutex_lock(&lock);
    struct list *node = o->has_slot ? list_take(&waiting) : NULL;
    if (node) {
        next = list_item(node, struct outgoing, slot_link);
        next->has_slot = true;
    } else if (o->has_slot) {
        taken--;
    } else if (o->slot_link.next) {
        bool was_waiting = !list_is_empty(&o->slot_link);
        list_remove(&o->slot_link);
        if (was_waiting) {
            pthread_mutex_unlock(&lock);
            request_unpin(o->rq);
            return;
        }
    }
    o->has_slot = false;
    pthread_mutex_unlock(&lock);
    if (next) {
        next->slot_letter.deliver = on_turn;
        loop_post(next->rq->loop, &next->slot_letter);
    }
}
