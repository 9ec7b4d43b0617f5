/* get: the rows of these keys, or of all. */
#include "settings.h"
#include <base/mem.h>
#include <base/slice.h>

#define ARENA_BYTES (64u << 20)

static struct trb_slice key_at(const struct trb_configuration_get *q, uint32_t i)
{
    return slice_name(((const struct trb_configuration_key *)trb_list_at(&q->keys, i))->key);
}

void select_say(struct settings *s, const struct trb_configuration_get *q, struct pg_batch *b)
{
    struct text sql = {0};
    uint32_t count = q->keys.count;
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += key_at(q, i).len;
    char *keys = mem_alloc(pg_texts_room(count, bytes)), *to = pg_texts_begin(keys, count);
    for (uint32_t i = 0; i < count; i++)
        to = pg_texts_add(to, key_at(q, i));
    text_addf(&sql, "SELECT * FROM %s%s", s->from.at, count ? " WHERE key::text = ANY($1)" : "");
    pg_say(b, &(struct pg_statement){.sql = sql.at, .flags = PG_AS_TEXT}, &(struct pg_param){keys, (size_t)(to - keys), PG_TEXTS},
           count ? 1 : 0);
    text_fini(&sql);
    mem_free(keys);
}

static void say(struct pg_wish *w, struct pg_batch *b)
{
    select_say(w->self, w->question, b);
}

static void answered(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct settings *s = w->self;
    struct trb_configuration_item *items;
    if (err) {
        s->host->fail(w->call, err);
        return;
    }
    if (pg_columns(a) < 4) {
        trb_fail(w->call, TRB_PRECONDITION, "BAD_TABLE", "table %s has not the four columns key, value, version and metadata", s->table);
        return;
    }
    struct arena *arena = arena_create(ARENA_BYTES);
    uint32_t count = rows_read(a, arena, &items);
    for (uint32_t i = 0; i < count; i++)
        s->host->item(w->call, i, &items[i], sizeof items[i], NULL);
    arena_destroy(arena);
    trb_done(w->call);
}

void settings_get(void *self, struct trb_call *call, const void *question)
{
    struct settings *s = self;
    const struct trb_configuration_get *q = question;
    for (uint32_t i = 0; i < q->keys.count; i++) {
        struct trb_slice key = key_at(q, i);
        if (key_is_good(key))
            continue;
        trb_fail(call, TRB_INVALID, "BAD_KEY", "invalid key: '%.*s': letters, digits, '.', '_' and '/' only",
                 (int)(key.len < 100 ? key.len : 100), key.at ? key.at : "");
        return;
    }
    const struct pg_wish w = {.say = say, .answered = answered, .self = s, .call = call, .question = q, .is_read = true};
    pg_ask(s->pg, &w);
}
