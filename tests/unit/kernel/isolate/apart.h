/* apart: components of test plugins in processes of their own. The test program is the child's program, too. */
#ifndef TEST_APART_H
#define TEST_APART_H

#include "tests/unit/plugins/driver.h"
#include <base/check.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/isolate.h>
#include <isolate/words.h>
#include <semaphore.h>
#include <stdio.h>

static struct workers *apart_workers;

struct apart {
    const char *type;
    const char *const *pairs;
    struct isolate_limits limits;
    uint64_t init_timeout_ns;
    struct instance *instance;
    struct trb_error err;
    sem_t done;
};

static void apart_gone(void *arg)
{
    sem_post(arg);
}

static void apart_started(void *arg, struct instance *i, const struct trb_error *err)
{
    struct apart *a = arg;
    if (!err) {
        a->instance = i;
        sem_post(&a->done);
        return;
    }
    a->err = *err;
    instance_retire(i, apart_gone, &a->done);
}

static void apart_make(void *arg)
{
    struct apart *a = arg;
    struct trb_slice rest = slice_of(a->type), block = slice_split(&rest, '.');
    const struct words *w = words_of(block);
    static struct trb_block block_of_it;
    struct trb_pair pairs[16];
    struct plugin *plugin;
    struct instance *i;
    uint32_t count = 0;
    for (const char *const *at = a->pairs; at && *at; at += 2)
        pairs[count++] = (struct trb_pair){name_of(at[0]), name_of(at[1])};
    block_of_it = (struct trb_block){.size = sizeof block_of_it, .abi = TRB_BLOCK_ABI, .name = w->block, .verbs = w->verbs,
                                     .verb_count = w->verb_count, .mandatory = ""};
    struct instance_spec spec = {.name = "it", .type = slice_of(a->type), .version = SLICE("v1"), .document = SLICE("{}"),
                                 .properties = {pairs, count, sizeof *pairs}, .app_id = NAME("app"), .namespace_ = NAME(""),
                                 .init_timeout_ns = a->init_timeout_ns ? a->init_timeout_ns : 60 * CLOCK_S, .workers = apart_workers, .given_up = isolate_given_up};
    check(!loader_get(spec.type, &plugin, &a->err));
    check(!isolate_component(plugin, plugin_component(plugin, spec.type, spec.version), &a->limits, &spec.instead, &a->err));
    check(!instance_create(&spec, &block_of_it, plugin, &i, &a->err));
    plugin_unref(plugin);
    instance_start(i, apart_started, a);
}

/* NULL: it did not start, and a->err says why. */
static inline struct instance *apart_up(struct apart *a)
{
    a->err = (struct trb_error)ERROR_INIT;
    a->instance = NULL;
    sem_init(&a->done, 0, 0);
    driver_run(apart_make, a);
    sem_wait(&a->done);
    return a->instance;
}

static inline const struct trb_verb_info *apart_verb(const char *block, const char *name)
{
    const struct words *w = words_of(slice_of(block));
    for (uint32_t i = 0; i < w->verb_count; i++)
        if (!strcmp(w->verbs[i].name, name))
            return &w->verbs[i];
    return NULL;
}

#endif
