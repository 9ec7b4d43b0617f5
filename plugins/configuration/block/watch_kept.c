/* watch_kept: the application's watches, handed to the copy of this block that takes over, and taken from the one before. */
#include "watch_inside.h"
#include <base/json.h>
#include <base/mem.h>
#include <base/text.h>

void watches_hand_over(void *block, void (*out)(void *arg, struct trb_slice kept), void *arg)
{
    struct block *b = block;
    struct text t = {0};
    text_addc(&t, '[');
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        const struct watch *w = watch_at(node);
        if (!w->is_kept || !watch_is_known(w))
            continue;
        text_addf(&t, "%s{\"id\":\"%s\",\"store\":", t.len > 1 ? "," : "", w->id);
        text_add_json(&t, slice_name(w->store), false);
        question_write(&t, w->question);
        text_addc(&t, '}');
    }
    b->kernel->unlock(b);
    text_addc(&t, ']');
    out(arg, text_slice(&t));
    text_fini(&t);
}

static bool is_there(struct block *b, struct trb_slice id)
{
    list_each(node, &b->watches)
        if (slice_is(slice_of(watch_at(node)->id), id))
            return true;
    return false;
}

static void adopt_one(struct block *b, struct json_value all)
{
    struct arena *a = arena_create(SIZE_MAX);
    struct trb_name id = json_name(a, json_find(all, SLICE("id"))), store = json_name(a, json_find(all, SLICE("store")));
    struct trb_configuration_get *q = question_from(a, all);
    if (id.len == UUID_TEXT - 1 && store.len && !is_there(b, slice_name(id))) {
        struct watch *w = watch_create(b, slice_name(store), q, TRB_GO(tell_app));
        memcpy(w->id, id.at, UUID_TEXT);
        w->is_kept = w->is_adopted = true;
        if (watch_enlist(w))
            b->kernel->task(b->kernel, b, 0, TRB_GO(watch_open_stream), w);
        else
            watch_unref(w);
    }
    arena_destroy(a);
}

void watches_adopt(void *block, struct trb_slice kept)
{
    struct json_value all, one;
    struct json_fault fault;
    if (!json_parse(kept, &all, &fault) || all.kind != JSON_ARRAY)
        return;
    for (struct json_cursor c = json_enter(all); json_next(&c, &one);)
        adopt_one(block, one);
}

bool watches_are_opening(struct block *b)
{
    bool any = false;
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        const struct watch *w = watch_at(node);
        any |= w->is_adopted && (w->phase == WATCH_OPENING || clock_now_ns() - w->opened_ns < GRACE_NS);
    }
    b->kernel->unlock(b);
    return any;
}
