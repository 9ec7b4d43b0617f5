/* answer: one way to answer a call and an item of a bulk. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

struct bulk *bulk_create(struct store *s, struct trb_call *call, uint32_t count)
{
    if (!count) {
        trb_done(call);
        return NULL;
    }
    struct bulk *b = mem_alloc(sizeof *b);
    *b = (struct bulk){.store = s, .call = call, .owed = count};
    return b;
}

void bulk_item(struct bulk *b, uint32_t index, const struct trb_state_item *item, const struct trb_error *err)
{
    b->call->host->item(b->call, index, item, item ? sizeof *item : 0, err);
    if (--b->owed)
        return;
    trb_done(b->call);
    mem_free(b);
}

void wish_end(struct wish *w, const struct trb_state_item *item, const struct trb_error *err)
{
    struct store *s = w->self;
    if (w->index != ALONE)
        bulk_item((struct bulk *)(void *)w->call, w->index, item, err);
    else if (err)
        s->host->fail(w->call, err);
    else
        s->host->done(w->call, item, item ? sizeof *item : 0);
}

void wish_refused(struct wish *w, const struct reply *r)
{
    struct trb_error err = {0};
    link_refusal(r, &err);
    wish_end(w, NULL, &err);
}

bool store_check_key(struct trb_name key, struct trb_error *ret_err)
{
    if (key_is_legal(slice_name(key)))
        return true;
    trb_error(ret_err, TRB_INVALID, "BAD_KEY", "malformed: key is too long or contains invalid characters "
              "(memcached takes at most %u bytes, no blanks and no control characters)", REPLY_MAX_KEY);
    return false;
}

struct link *store_link(struct store *s, struct trb_name key)
{
    return s->links[config_pick(&s->config, slice_name(key))];
}
