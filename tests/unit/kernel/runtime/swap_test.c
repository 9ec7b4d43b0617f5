/* What is decided before a plugin is swapped: whether it may be, and what runs from the copy that is replaced. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/runtime/swap.c"
#include "../plugin/house.h"

struct scene {
    struct runtime rt;
    struct component component;
    struct plugin *plugin;
    struct entry entry;
    struct trb_error err;
    const char *name;
    uint32_t told;
    sem_t over;
};

static void load(void *arg)
{
    struct scene *s = arg;
    loader_get(SLICE("state.keeping"), &s->plugin, &s->err);
}

/* A runtime with one component. */
static struct scene *scene(const char *type)
{
    struct scene *s = mem_zero(sizeof *s);
    s->err = (struct trb_error)ERROR_INIT;
    s->rt.magic = RUNTIME_MAGIC;
    s->rt.components.is_loaded = true;
    list_init(&s->rt.components.entries);
    blocks_init(&s->rt.blocks);
    s->component.head.name = NAME("store");
    s->component.plugin = name_of(type);
    s->entry.component = &s->component;
    s->entry.state = ENTRY_LIVE;
    s->entry.instance = up(type, &state_block, NULL, NULL);
    list_init(&s->entry.link);
    list_append(&s->rt.components.entries, &s->entry.link);
    sem_init(&s->over, 0, 0);
    run_on(0, load, s);
    return s;
}

static void end(struct scene *s)
{
    down(s->entry.instance);
    plugin_unref(s->plugin);
    blocks_fini(&s->rt.blocks);
    mem_free(s);
}

static void done(void *arg, const struct trb_error *err)
{
    struct scene *s = arg;
    s->told++;
    if (err)
        s->err = *err;
    sem_post(&s->over);
}

static void ask(void *arg)
{
    struct scene *s = arg;
    replace_plugin(&s->rt, slice_of(s->name), done, s);
    assert_int_equal(s->told, 0);
}

/* It is told, once, why not. */
static void is_refused(struct scene *s, const char *plugin, trb_code code, const char *why)
{
    s->name = plugin;
    run_on(0, ask, s);
    await(&s->over);
    assert_int_equal(s->told, 1);
    assert_int_equal(s->err.code, code);
    assert_non_null(strstr(s->err.message, why));
}

static void a_plugin_that_nobody_has_loaded_is_refused(void **state)
{
    struct scene *s = scene("state.keeping");
    is_refused(s, "state.unheard-of", TRB_NOT_FOUND, "plugin state.unheard-of is not loaded");
    end(s);
}

static void a_runtime_that_is_starting_refuses(void **state)
{
    struct scene *s = scene("state.keeping");
    s->rt.components.is_loaded = false;
    is_refused(s, "state.keeping", TRB_UNAVAILABLE, "starting or stopping");
    end(s);
}

static void a_runtime_that_is_stopping_refuses(void **state)
{
    struct scene *s = scene("state.keeping");
    s->rt.shutdown.phase = SHUTDOWN_DRAINING;
    is_refused(s, "state.keeping", TRB_UNAVAILABLE, "starting or stopping");
    end(s);
}

static void a_plugin_whose_component_is_being_replaced_is_refused(void **state)
{
    struct scene *s = scene("state.keeping");
    s->entry.is_challenged = true;
    is_refused(s, "state.keeping", TRB_ABORTED, "component store is being replaced already");
    end(s);
}

static struct swap *swap_of(struct scene *s)
{
    struct swap *swap = mem_zero(sizeof *swap);
    *swap = (struct swap){.rt = &s->rt, .plugin = s->plugin, .err = ERROR_INIT};
    list_init(&swap->entries);
    list_init(&swap->blocks);
    return swap;
}

static void one_that_leaves_hinders_nobody(void **state)
{
    struct scene *s = scene("state.keeping");
    struct swap *swap = swap_of(s);
    s->entry.is_challenged = true;
    assert_true(is_busy(swap));
    s->entry.state = ENTRY_LEAVING;
    assert_false(is_busy(swap));
    mem_free(swap);
    end(s);
}

static void what_runs_from_the_file_is_moved_and_nothing_else(void **state)
{
    static const uint32_t others[] = {ENTRY_WAITING, ENTRY_PARKED, ENTRY_RESOLVING, ENTRY_STARTING, ENTRY_FAILED, ENTRY_LEAVING};
    struct scene *s = scene("state.keeping"), *t = scene("state.forgetful");
    assert_true(runs_from(&s->entry, s->plugin));
    assert_false(runs_from(&t->entry, s->plugin));
    for (size_t i = 0; i < countof(others); i++) {
        s->entry.state = others[i];
        assert_false(runs_from(&s->entry, s->plugin));
    }
    end(s);
    end(t);
}

static void those_that_are_moved_are_nobody_elses_meanwhile(void **state)
{
    struct scene *s = scene("state.keeping");
    struct swap *swap = swap_of(s);
    collect(swap);
    assert_true(s->entry.is_challenged);
    assert_true(is_busy(swap));
    struct moved_entry *m = list_item(list_take(&swap->entries), struct moved_entry, link);
    assert_ptr_equal(m->old, &s->entry);
    assert_true(list_is_empty(&swap->entries));
    mem_free(m);
    mem_free(swap);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_that_nobody_has_loaded_is_refused),
        cmocka_unit_test(a_runtime_that_is_starting_refuses),
        cmocka_unit_test(a_runtime_that_is_stopping_refuses),
        cmocka_unit_test(a_plugin_whose_component_is_being_replaced_is_refused),
        cmocka_unit_test(one_that_leaves_hinders_nobody),
        cmocka_unit_test(what_runs_from_the_file_is_moved_and_nothing_else),
        cmocka_unit_test(those_that_are_moved_are_nobody_elses_meanwhile),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
