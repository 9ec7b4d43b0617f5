/* secrets: from a JSON tree to sorted names. Texts are overwritten as soon as they are not needed. */
#include "secrets.h"
#include <base/mem.h>
#include <base/slice.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
    struct secrets *to;
    struct secret *into;                /* multi-valued: whose values come */
    struct trb_slice separator;
    struct text path;
    struct arena *arena;
    void (*twice)(void *, const char *);
    void *arg;
};

static void wipe(struct trb_slice s)
{
    if (s.len)
        mem_wipe((char *)(uintptr_t)s.at, s.len);
}

static struct trb_name keep(struct trb_slice s)
{
    return (struct trb_name){mem_text(s.len ? s.at : "", s.len), s.len};
}

static struct secret *secret_add(struct secrets *all, struct trb_slice name)
{
    if (all->count == all->room) {
        all->room = all->room ? all->room * 2 : 16;
        all->at = mem_grow(all->at, all->room * sizeof *all->at);
    }
    all->at[all->count] = (struct secret){.name = keep(name), .position = all->count};
    return &all->at[all->count++];
}

static void value_add(struct secret *s, struct trb_slice name, struct trb_slice value)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 1;
        s->values = mem_grow(s->values, s->room * sizeof *s->values);
    }
    s->values[s->count] = (struct value){{keep(name), keep(value)}, s->count};
    s->count++;
}

/* A text as it is meant, any other scalar as it is written. */
static void leaf(struct reading *r, struct json_value v)
{
    struct trb_slice value = v.kind == JSON_STRING ? json_text(r->arena, v) : v.raw;
    struct trb_slice name = text_slice(&r->path);
    value_add(r->into ? r->into : secret_add(r->to, name), name, value);
    if (v.kind == JSON_STRING)
        wipe(value);
}

static void walk(struct reading *r, struct json_value v);

static void step(struct reading *r, struct trb_slice name, struct json_value v)
{
    size_t before = r->path.len;
    if (before)
        text_add(&r->path, r->separator);
    text_add(&r->path, name);
    walk(r, v);
    r->path.len = before;
}

static void walk(struct reading *r, struct json_value v)
{
    struct json_cursor c = json_enter(v);
    struct json_value child;
    struct trb_slice key;
    char position[16];
    if (v.kind == JSON_OBJECT)
        while (json_member(&c, &key, &child))
            step(r, json_text(r->arena, (struct json_value){JSON_STRING, key}), child);
    else if (v.kind == JSON_ARRAY)
        for (uint32_t n = 0; json_next(&c, &child); n++)
            step(r, slice_from(position, (size_t)snprintf(position, sizeof position, "%u", n)), child);
    else
        leaf(r, v);
}

static void walk_multi_valued(struct reading *r, struct json_value top)
{
    struct json_cursor c = json_enter(top);
    struct json_value v;
    struct trb_slice key;
    while (json_member(&c, &key, &v)) {
        if (v.kind != JSON_STRING && v.kind != JSON_OBJECT)
            continue;
        struct trb_slice name = json_text(r->arena, (struct json_value){JSON_STRING, key});
        r->into = secret_add(r->to, name);
        if (v.kind == JSON_STRING)
            step(r, name, v);
        else
            walk(r, v);
    }
}

/* --------------------------------------------------------------------------------- sorted, once */
static int compare(struct trb_name a, struct trb_name b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least ? memcmp(a.at, b.at, least) : 0;
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int by_value(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    int order = compare(x->pair.key, y->pair.key);
    return order ? order : x->position < y->position ? -1 : x->position > y->position;
}

static int by_secret(const void *a, const void *b)
{
    const struct secret *x = a, *y = b;
    int order = compare(x->name, y->name);
    return order ? order : x->position < y->position ? -1 : x->position > y->position;
}

static int by_name(const void *a, const void *b)
{
    return compare(((const struct secret *)a)->name, ((const struct secret *)b)->name);
}

static void pair_wipe(struct trb_pair *p)
{
    wipe(slice_name(p->value));
    mem_free((char *)(uintptr_t)p->value.at);
    mem_free((char *)(uintptr_t)p->key.at);
}

static void secret_wipe(struct secret *s)
{
    for (uint32_t n = 0; n < s->count; n++)
        pair_wipe(&s->values[n].pair);
    mem_free(s->values);
    mem_free((char *)(uintptr_t)s->name.at);
}

static void sort_values(struct secret *s, struct reading *r)
{
    uint32_t kept = 0;
    if (s->count > 1)
        qsort(s->values, s->count, sizeof *s->values, by_value);
    for (uint32_t n = 0; n < s->count; n++) {
        if (kept && !compare(s->values[kept - 1].pair.key, s->values[n].pair.key)) {
            r->twice(r->arg, s->values[n].pair.key.at);
            pair_wipe(&s->values[n].pair);
        } else {
            s->values[kept++] = s->values[n];
        }
    }
    s->count = kept;
}

static void sort_secrets(struct secrets *all, struct reading *r)
{
    uint32_t kept = 0;
    if (all->count > 1)
        qsort(all->at, all->count, sizeof *all->at, by_secret);
    for (uint32_t n = 0; n < all->count; n++) {
        sort_values(&all->at[n], r);
        if (kept && !by_name(&all->at[kept - 1], &all->at[n])) {
            r->twice(r->arg, all->at[n].name.at);
            secret_wipe(&all->at[n]);
        } else {
            all->at[kept++] = all->at[n];
        }
    }
    all->count = kept;
}

void secrets_read(struct secrets *all, struct json_value top, struct trb_slice separator, bool multi_valued,
                  void (*twice)(void *, const char *), void *arg)
{
    struct reading r = {.to = all, .separator = separator, .arena = arena_create(SIZE_MAX), .twice = twice, .arg = arg};
    if (multi_valued)
        walk_multi_valued(&r, top);
    else
        walk(&r, top);
    sort_secrets(all, &r);
    text_fini(&r.path);
    arena_destroy(r.arena);
}

const struct secret *secrets_find(const struct secrets *all, struct trb_slice name)
{
    struct secret wanted = {.name = {name.at, name.len}};
    return all->count ? bsearch(&wanted, all->at, all->count, sizeof *all->at, by_name) : NULL;
}

void secrets_wipe(struct secrets *all)
{
    for (uint32_t n = 0; n < all->count; n++)
        secret_wipe(&all->at[n]);
    mem_free(all->at);
    *all = (struct secrets){0};
}
