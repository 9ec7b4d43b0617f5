/* handover: holding, asking, adopting. A call that is never answered, or an old instance that cannot, leaves
 * everything where it was. */
#include <base/buf.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/call.h>
#include <plugin/service.h>
#include <runtime/handover.h>

#define PATIENCE_NS (5 * CLOCK_S)
#define LOOK_NS (CLOCK_MS / 2)

struct handover {
    const struct entry *entry;             /* of the old one */
    struct instance *old, *new_;           /* pinned; NULL: there is nothing to hand over */
    bool is_held, is_over;
    struct timer look, patience;
    struct job job;
    struct call *call;                     /* hand_over, until it is answered */
    void (*then)(void *, const struct trb_error *);
    void *arg;
};

static const struct trb_field kept_field = {.name = "kept", .doc = "What adopt understands.", .kind = TRB_FIELD_DATA};
static const struct trb_layout kept_layout = {.name = "kept", .size = sizeof(struct trb_data), .field_count = 1,
                                              .fields = &kept_field};

/* Streams would never end by themselves: then the block has to know what moving is. */
static bool may_move(const struct trb_block *b)
{
    for (uint32_t n = 0; n < b->verb_count; n++) {
        const struct trb_verb_info *v = (const void *)((const char *)b->verbs + n * b->verb_size);
        if (v->flags & TRB_VERB_STREAM)
            return TRB_HAS(b, component_moving) && TRB_HAS(b, component_stays);
    }
    return true;
}

static bool can_hand_over(const struct instance *old, const struct instance *new_, const struct trb_block *b)
{
    return TRB_HAS(old->component, hand_over) && TRB_HAS(new_->component, adopt) && old->origin_count == 1 &&
           new_->origin_count == 1 && new_->component->run != TRB_ON_WORKERS && may_move(b) &&
           slice_is_nocase(slice_of(old->component->type), slice_of(new_->component->type));
}

static void over(struct handover *h, const struct trb_error *err)
{
    timer_end(&h->look);
    timer_end(&h->patience);
    h->is_over = true;
    h->then(h->arg, err);
}

/* Its self is not bound to another loop than this: see can_hand_over. */
static void adopt(struct handover *h, const struct trb_data *kept)
{
    if (kept && kept->at)
        h->new_->component->adopt(instance_origin(h->new_, loop_self())->self, slice_from(kept->at, kept->len));
    over(h, NULL);
}

static void on_kept(struct call *c, void *arg)
{
    struct handover *h = arg;
    struct trb_error err = ERROR_INIT;
    h->call = NULL;
    if (call_failure(c)) {
        error_set(&err, TRB_ABORTED, "HANDOVER", "component '%s' stays: it could not hand over what it keeps: %.*s",
                  h->old->name, SLICE_ARG(error_text(call_failure(c))));
        over(h, &err);
    } else {
        adopt(h, call_answer(c));
    }
    call_release(c);
}

static void look(void *arg)
{
    struct handover *h = arg;
    struct call_question q = {.function = h->old->component->hand_over, .answer = &kept_layout};
    if (instance_is_still(h->old))
        h->call = call_ask(h->old, &q, on_kept, h);
    else
        timer_after(loop_at(0), &h->look, LOOK_NS, look, h);
}

static void on_settled(void *arg)
{
    instance_unpin(arg);
}

static void on_late(void *arg)
{
    struct handover *h = arg;
    struct trb_error err = ERROR_INIT;
    char story[160];
    instance_story(h->old, story, sizeof story);
    error_set(&err, TRB_DEADLINE, "HANDOVER", "component '%s' could not hand over what it keeps in time: %s",
              h->old->name, story);
    if (h->call) {
        instance_pin(h->old);
        call_abandon(h->call, TRB_WHY_DEADLINE, on_settled, h->old);
        h->call = NULL;
    }
    over(h, &err);
}

static void hold(void *arg)
{
    struct handover *h = arg;
    if (h->is_over)
        return;
    h->is_held = true;
    instance_hold(h->old);
    timer_after(loop_at(0), &h->look, 0, look, h);
}

static void end_streams(struct handover *h)
{
    struct trb_instance *view = h->entry->view;
    const struct trb_block *b = view->service->block;
    if (TRB_HAS(b, component_moving))
        b->component_moving(view->service->self, view, view->data, hold, h);
    else
        hold(h);
}

static void nothing_to_do(void *arg)
{
    over(arg, NULL);
}

bool handover_is_due(const struct entry *old, const struct entry *new_)
{
    return can_hand_over(old->instance, new_->instance, old->view->service->block);
}

struct handover *handover_begin(const struct entry *old, const struct entry *new_,
                                void (*then)(void *, const struct trb_error *), void *arg)
{
    struct handover *h = mem_zero(sizeof *h);
    *h = (struct handover){.then = then, .arg = arg};
    if (!handover_is_due(old, new_)) {
        job_defer(loop_at(0), &h->job, nothing_to_do, h);
        return h;
    }
    h->entry = old;
    h->old = old->instance;
    h->new_ = new_->instance;
    instance_pin(h->old);
    instance_pin(h->new_);
    timer_after(loop_at(0), &h->patience, PATIENCE_NS, on_late, h);
    end_streams(h);
    return h;
}

static void end(struct handover *h)
{
    if (h->old) {
        instance_unpin(h->old);
        instance_unpin(h->new_);
    }
    mem_free(h);
}

void handover_commit(struct handover *h)
{
    if (!h)
        return;
    if (h->old)
        instance_succeed(h->old, h->new_);
    end(h);
}

static void take_back(struct trb_instance *view)
{
    const struct trb_block *b = view->service->block;
    if (TRB_HAS(b, component_stays))
        b->component_stays(view->service->self, view, view->data);
}

void handover_abort(struct handover *h)
{
    if (!h)
        return;
    if (h->old && h->is_held)
        instance_release(h->old);
    if (h->old)
        take_back(h->entry->view);
    end(h);
}
