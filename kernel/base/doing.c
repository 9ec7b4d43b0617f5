/* doing: the texts are few, one per name and type of a component that ever was, and are found again. */
#include <base/doing.h>
#include <base/mem.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MOST_KEPT 4096u                       /* names come from resource files: beyond this they share one text */

_Thread_local struct doing doing_here;

struct kept {
    struct kept *next;
    _Atomic int64_t buffers;
    char text[];
};

static struct {
    pthread_mutex_t lock;
    struct kept *first;
    uint32_t count;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct kept *shared;                   /* by those beyond MOST_KEPT */

static struct kept *keep(const char *text)
{
    struct kept *k = mem_zero(sizeof *k + strlen(text) + 1);
    memcpy(k->text, text, strlen(text) + 1);
    return k;
}

static const char *find_or_keep(const char *text)
{
    struct kept *k = all.first;
    while (k && strcmp(k->text, text))
        k = k->next;
    if (k)
        return k->text;
    if (all.count >= MOST_KEPT)
        return (shared = shared ? shared : keep("one of many components"))->text;
    k = keep(text);
    k->next = all.first;
    all.first = k;
    all.count++;
    return k->text;
}

_Atomic int64_t *doing_buffers(const char *name)
{
    return &((struct kept *)(uintptr_t)(name - offsetof(struct kept, text)))->buffers;
}

const char *doing_name(const char *name, const char *type)
{
    char text[200];
    snprintf(text, sizeof text, "%s (%s)", name, type);
    pthread_mutex_lock(&all.lock);
    const char *found = find_or_keep(text);
    pthread_mutex_unlock(&all.lock);
    return found;
}
