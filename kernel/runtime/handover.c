/* handover: holding, asking, adopting, releasing. An old instance that does not get quiet in time keeps
 * what it has: the new one begins empty, and that is said. */
#include <base/buf.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/call.h>
#include <runtime/handover.h>

#define SCOPE "dapr.runtime"
#define PATIENCE_NS (10 * CLOCK_S)

struct handover {
    struct instance *old, *new_;           /* new_ is pinned */
    struct timer patience;
    bool is_late;
    struct trb_data kept;
    void (*then)(void *);
    void *arg;
};

static const struct trb_field kept_field = {.name = "kept", .doc = "What adopt understands.", .kind = TRB_FIELD_DATA};
static const struct trb_layout kept_layout = {.name = "kept", .size = sizeof(struct trb_data), .field_count = 1,
                                              .fields = &kept_field};

static bool can_hand_over(const struct instance *old, const struct instance *new_)
{
    return TRB_HAS(old->component, hand_over) && TRB_HAS(new_->component, adopt) && old->origin_count == 1 &&
           new_->origin_count == 1 && new_->component->run != TRB_ON_WORKERS &&
           slice_is_nocase(slice_of(old->component->type), slice_of(new_->component->type));
}

static void on_late(void *arg)
{
    struct handover *h = arg;
    char story[160];
    instance_story(h->old, story, sizeof story);
    log_error(SCOPE, "component '%s' begins empty: the earlier copy could not hand over in time, %s", h->new_->name, story);
    h->is_late = true;
    instance_release(h->new_);
}

struct handover *handover_begin(struct instance *old, struct instance *new_)
{
    if (!can_hand_over(old, new_))
        return NULL;
    struct handover *h = mem_zero(sizeof *h);
    h->old = old;
    h->new_ = new_;
    instance_pin(new_);
    instance_hold(new_);
    timer_after(loop_at(0), &h->patience, PATIENCE_NS, on_late, h);
    return h;
}

static void finish(void *arg)
{
    struct handover *h = arg;
    timer_end(&h->patience);
    if (!h->is_late)
        instance_release(h->new_);
    instance_unpin(h->new_);
    buf_unref(h->kept.owner);
    h->then(h->arg);
    mem_free(h);
}

static void adopt_here(void *arg)
{
    struct handover *h = arg;
    struct trb_origin *o = instance_origin(h->new_, loop_self());
    h->new_->component->adopt(o->self, slice_from(h->kept.at, h->kept.len));
    loop_call(loop_at(0), finish, h);
}

static void on_kept(struct call *c, void *arg)
{
    struct handover *h = arg;
    const struct trb_data *kept = call_answer(c);
    if (kept && kept->at) {
        h->kept = *kept;
        buf_ref(h->kept.owner);
    } else if (call_failure(c)) {
        log_error(SCOPE, "component '%s' begins empty: the earlier copy could not hand over: %s", h->new_->name,
                  call_failure(c)->message);
    }
    call_release(c);
    struct loop *home = instance_origin(h->new_, loop_at(0))->loop;
    if (h->kept.at && !h->is_late)
        loop_call(home ? home : loop_at(0), adopt_here, h);
    else
        finish(h);
}

static void ask_here(void *arg)
{
    struct handover *h = arg;
    struct call_question q = {.function = h->old->component->hand_over, .answer = &kept_layout};
    call_ask(h->old, &q, on_kept, h);
}

void handover_run(struct handover *h, void (*then)(void *), void *arg)
{
    h->then = then;
    h->arg = arg;
    timer_end(&h->patience);
    if (h->is_late)
        finish(h);
    else
        ask_here(h);
}
