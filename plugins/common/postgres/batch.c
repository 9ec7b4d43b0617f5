/* batch: libpq's way of sending a statement. */
#include <base/check.h>
#include <base/mem.h>
#include <postgres/batch.h>

#define MOST_PARAMS 65535u
#define FEW 16u

#define TYPE_BYTES 17u
#define TYPE_TEXT 25u
#define TYPE_TEXTS 1009u

struct sent {
    Oid *types;
    const char **values;
    int *lengths, *formats;
    uint32_t count;
};

static void fill(struct sent *s, const struct pg_param *params, uint32_t count)
{
    static const Oid types[] = {[PG_TEXT] = TYPE_TEXT, [PG_BYTES] = TYPE_BYTES, [PG_TEXTS] = TYPE_TEXTS, [PG_UNTYPED] = 0};
    for (uint32_t i = 0; i < count; i++) {
        s->types[i] = types[params[i].kind];
        s->values[i] = params[i].at;
        s->lengths[i] = (int)params[i].len;
        s->formats[i] = params[i].kind != PG_UNTYPED;
    }
    s->count = count;
}

static bool prepare(struct pg_batch *b, const struct pg_statement *st, const struct sent *s, char *name, size_t room)
{
    uint32_t bit = 1u << st->number;
    if (!(b->prepared & bit)) {
        snprintf(name, room, "t%u_%u", st->number, ++b->generations[st->number]);
        if (!PQsendPrepare(b->conn, name, st->sql, (int)s->count, s->types))
            return false;
        b->prepared |= bit;
        b->entry->prepared |= bit;
        b->entry->commands++;
    }
    snprintf(name, room, "t%u_%u", st->number, b->generations[st->number]);
    return true;
}

static bool send(struct pg_batch *b, const struct pg_statement *st, const struct sent *s)
{
    char name[32];
    int format = !(st->flags & PG_AS_TEXT);
    if (!st->number || b->is_unnamed)
        return PQsendQueryParams(b->conn, st->sql, (int)s->count, s->types, s->values, s->lengths, s->formats, format);
    return prepare(b, st, s, name, sizeof name) &&
           PQsendQueryPrepared(b->conn, name, (int)s->count, s->values, s->lengths, s->formats, format);
}

void pg_say(struct pg_batch *b, const struct pg_statement *st, const struct pg_param *params, uint32_t count)
{
    Oid types[FEW];
    const char *values[FEW];
    int lengths[FEW], formats[FEW];
    struct sent s = {types, values, lengths, formats, 0};
    bool is_few = count <= FEW;
    check(count <= MOST_PARAMS && st->number < PG_STATEMENTS);
    if (!is_few)
        s = (struct sent){mem_alloc(count * sizeof *types), mem_alloc(count * sizeof *values),
                          mem_alloc(count * sizeof *lengths), mem_alloc(count * sizeof *formats), 0};
    fill(&s, params, count);
    if (!send(b, st, &s))
        b->is_broken = true;
    b->entry->commands++;
    if (is_few)
        return;
    mem_free(s.types);
    mem_free(s.values);
    mem_free(s.lengths);
    mem_free(s.formats);
}
