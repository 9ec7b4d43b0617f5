/* guarded: one mapping per question: bytes, then a page that cannot be read. */
#include "guarded.h"
#include <base/buf.h>
#include <base/check.h>
#include <base/mem.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_REGIONS 4096                       /* older ones are unmapped: the kernel bounds mappings */
#define FILL 0xA5

struct region {
    char *at;
    size_t size;                               /* with the guard page */
    char *next;                                /* where bytes go */
    struct trb_buf *bodies[64];
    uint32_t body_count;
    bool is_sealed;
};

static struct region regions[MAX_REGIONS];
static uint32_t region_next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void region_end(struct region *r)
{
    for (uint32_t i = 0; i < r->body_count; i++)
        buf_unref(r->bodies[i]);
    if (r->at)
        munmap(r->at, r->size);
    memset(r, 0, sizeof *r);
}

/* A place whose old question has been answered; an unanswered one keeps its mapping. */
static struct region *region_new(size_t bytes)
{
    size_t used = (bytes + page() - 1) / page() * page();
    pthread_mutex_lock(&lock);
    for (uint32_t tries = 0; regions[region_next].at && !regions[region_next].is_sealed; tries++) {
        region_next = (region_next + 1) % MAX_REGIONS;
        check(tries < MAX_REGIONS);
    }
    struct region *r = &regions[region_next];
    region_next = (region_next + 1) % MAX_REGIONS;
    region_end(r);
    r->size = used + page();
    r->at = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(r->at != MAP_FAILED);
    pthread_mutex_unlock(&lock);
    memset(r->at, FILL, used);
    check(mprotect(r->at + used, page(), PROT_NONE) == 0);
    r->next = r->at + used - bytes;
    return r;
}

static struct region *region_of(const void *address)
{
    for (uint32_t i = 0; i < MAX_REGIONS; i++)
        if (regions[i].at && (const char *)address >= regions[i].at &&
            (const char *)address < regions[i].at + regions[i].size)
            return &regions[i];
    return NULL;
}

static size_t padded(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

/* ------------------------------------------------------------------------------------ measuring */
static size_t measure(const struct trb_layout *l, const void *value, const struct guarded_shape *shape);

static size_t measure_pairs(const struct trb_pairs *p, const struct guarded_shape *shape)
{
    size_t total = p->count * (sizeof(struct trb_pair) + padded(shape->longer));
    for (uint32_t i = 0; i < p->count; i++)
        total += padded(trb_pair_at(p, i)->key.len + 2) + padded(trb_pair_at(p, i)->value.len + 2);
    return padded(total);
}

static size_t measure_list(const struct trb_field *f, const struct trb_list *list, const struct guarded_shape *shape)
{
    size_t total = 0;
    for (uint32_t i = 0; i < list->count; i++)
        total += measure(f->of, trb_list_at(list, i), shape);
    return total;
}

static size_t measure(const struct trb_layout *l, const void *value, const struct guarded_shape *shape)
{
    size_t total = padded(l->size + shape->longer);
    for (uint32_t i = 0; i < l->field_count; i++) {
        const struct trb_field *f = &l->fields[i];
        const void *at = (const char *)value + f->offset;
        if (f->kind == TRB_FIELD_NAME || f->kind == TRB_FIELD_SLICE || f->kind == TRB_FIELD_DATA)
            total += padded(((const struct trb_slice *)at)->len + 2);
        else if (f->kind == TRB_FIELD_PAIRS)
            total += measure_pairs(at, shape);
        else if (f->kind == TRB_FIELD_LIST)
            total += measure_list(f, at, shape);
    }
    return total;
}

/* -------------------------------------------------------------------------------------- laying */
static char *take(struct region *r, size_t n)
{
    char *at = r->next;
    r->next += padded(n);
    return at;
}

/* A name has its NUL; what stands behind a slice is not zero. */
static struct trb_slice lay_text(struct region *r, struct trb_slice from, bool is_name)
{
    if (!from.at)
        return from;
    char *to = take(r, from.len + 2);
    memcpy(to, from.at, from.len);
    to[from.len] = is_name ? 0 : (char)FILL;
    return (struct trb_slice){to, from.len};
}

static struct trb_name lay_name(struct region *r, struct trb_name from)
{
    struct trb_slice s = lay_text(r, (struct trb_slice){from.at, from.len}, true);
    return (struct trb_name){s.at, s.len};
}

static void lay_data(struct region *r, struct trb_data *d, const struct guarded_shape *shape)
{
    struct trb_slice bytes = {d->at, d->len};
    d->owner = NULL;
    if (!bytes.at)
        return;
    if (shape->without_owner || r->body_count == countof(r->bodies)) {
        d->at = lay_text(r, bytes, false).at;
        return;
    }
    d->owner = r->bodies[r->body_count++] = buf_copy(bytes);
    d->at = buf_bytes(d->owner).at;
}

static void lay_pairs(struct region *r, struct trb_pairs *p, const struct guarded_shape *shape)
{
    uint32_t stride = (uint32_t)(sizeof(struct trb_pair) + padded(shape->longer));
    char *at = p->count ? take(r, (size_t)p->count * stride) : NULL;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct trb_pair *from = trb_pair_at(p, i);
        struct trb_pair to = {lay_name(r, from->key), lay_name(r, from->value)};
        memcpy(at + (size_t)i * stride, &to, sizeof to);
    }
    *p = (struct trb_pairs){(const struct trb_pair *)(const void *)at, p->count, stride};
}

static void lay_fields(struct region *r, const struct trb_layout *l, char *to, const struct guarded_shape *shape);

static void lay_struct(struct region *r, const struct trb_layout *l, char *to, const void *from,
                       const struct guarded_shape *shape)
{
    memcpy(to, from, l->size);
    *(uint32_t *)(void *)to = (uint32_t)(l->size + shape->longer);
    lay_fields(r, l, to, shape);
}

static void lay_list(struct region *r, const struct trb_field *f, struct trb_list *list,
                     const struct guarded_shape *shape)
{
    uint32_t stride = (uint32_t)padded(f->of->size + shape->longer);
    char *at = list->count ? take(r, (size_t)list->count * stride) : NULL;
    for (uint32_t i = 0; i < list->count; i++)
        lay_struct(r, f->of, at + (size_t)i * stride, trb_list_at(list, i), shape);
    *list = (struct trb_list){at, list->count, stride};
}

static void lay_fields(struct region *r, const struct trb_layout *l, char *to, const struct guarded_shape *shape)
{
    for (uint32_t i = 0; i < l->field_count; i++) {
        const struct trb_field *f = &l->fields[i];
        void *at = to + f->offset;
        switch (f->kind) {
        case TRB_FIELD_NAME: *(struct trb_name *)at = lay_name(r, *(struct trb_name *)at); break;
        case TRB_FIELD_SLICE: *(struct trb_slice *)at = lay_text(r, *(struct trb_slice *)at, false); break;
        case TRB_FIELD_DATA: lay_data(r, at, shape); break;
        case TRB_FIELD_PAIRS: lay_pairs(r, at, shape); break;
        case TRB_FIELD_LIST: lay_list(r, f, at, shape); break;
        default: break;
        }
    }
}

void *guarded_question(const struct trb_layout *l, const void *question, const struct guarded_shape *shape)
{
    size_t bytes = measure(l, question, shape);
    struct region *r = region_new(bytes);
    char *last = r->next + bytes - (l->size + shape->longer);      /* touches the guard page */
    lay_struct(r, l, last, question, shape);
    return last;
}

void *guarded_flat(const void *from, size_t size, size_t longer)
{
    struct region *r = region_new(size + longer);
    memcpy(r->next, from, size);
    *(uint32_t *)(void *)r->next = (uint32_t)(size + longer);
    return r->next;
}

void guarded_seal(void *question)
{
    pthread_mutex_lock(&lock);
    struct region *r = region_of(question);
    if (r && !r->is_sealed) {
        check(mprotect(r->at, r->size, PROT_NONE) == 0);
        for (uint32_t i = 0; i < r->body_count; i++)
            buf_unref(r->bodies[i]);
        r->body_count = 0;
        r->is_sealed = true;
    }
    pthread_mutex_unlock(&lock);
}

const char *guarded_owner_of(const void *address)
{
    struct region *r = region_of(address);
    return !r ? NULL : r->is_sealed ? "a question that it had answered" : "the bytes behind a question";
}

void guarded_free_all(void)
{
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < MAX_REGIONS; i++)
        region_end(&regions[i]);
    pthread_mutex_unlock(&lock);
}
