/* documents: one list per loop, as the catalog has it. */
#include <base/mem.h>
#include <base/slice.h>
#include <loop/loop.h>
#include <runtime/documents.h>
#include <stdatomic.h>

struct document_list {
    uint32_t count;
    struct text at[];
};

struct turnover {
    struct documents *documents;
    struct document_list *list, *old;
    _Atomic uint32_t missing;
};

static struct document_list *create(const struct resource_list *from)
{
    struct document_list *list = mem_zero(sizeof *list + from->count * sizeof list->at[0]);
    for (uint32_t i = 0; i < from->count; i++)
        resource_to_json(from->at[i], false, &list->at[list->count++]);
    return list;
}

static void destroy(struct document_list *list)
{
    for (uint32_t i = 0; list && i < list->count; i++) {
        mem_wipe(list->at[i].at, list->at[i].len);             /* values of secrets are in them */
        text_fini(&list->at[i]);
    }
    mem_free(list);
}

static void on_everywhere(void *arg)
{
    struct turnover *t = arg;
    destroy(t->old);
    mem_free(t);
}

static void switch_here(void *arg)
{
    struct turnover *t = arg;
    t->documents->seen[loop_index(loop_self())] = t->list;
    if (atomic_fetch_sub(&t->missing, 1) == 1)
        loop_call(loop_at(0), on_everywhere, t);
}

void documents_set(struct documents *d, const struct resource_list *from)
{
    struct turnover *t = mem_zero(sizeof *t);
    if (!d->seen)
        d->seen = mem_zero(loop_count() * sizeof d->seen[0]);
    *t = (struct turnover){.documents = d, .list = create(from), .old = d->seen[0], .missing = loop_count()};
    for (uint32_t i = 1; i < loop_count(); i++)
        loop_call(loop_at(i), switch_here, t);
    switch_here(t);
}

void documents_release(struct documents *d)
{
    if (d->seen)
        destroy(d->seen[0]);
    d->seen = mem_free(d->seen);
}

static const struct document_list *here(const struct documents *d)
{
    return d->seen && loop_self() ? d->seen[loop_index(loop_self())] : NULL;
}

uint32_t documents_count(const struct documents *d)
{
    const struct document_list *list = here(d);
    return list ? list->count : 0;
}

struct trb_slice documents_at(const struct documents *d, uint32_t i)
{
    return i < documents_count(d) ? text_slice(&here(d)->at[i]) : (struct trb_slice){NULL, 0};
}
