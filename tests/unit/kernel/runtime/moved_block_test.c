/* A block on its way to another copy of its code: views of the components, what it keeps, and what happens in between. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/runtime/moved_block.c"
#include "../plugin/house.h"

/* A block that counts what it is told, and keeps one text. */
struct counting {
    char kept[32];
    uint32_t up, down, leaving, adopted, in_service;
    bool refuses;
};

static bool start_fails, all_refuse;
static uint32_t stopped;

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    ((struct counting *)self)->refuses = all_refuse;
    return start_fails ? error_set(err, TRB_INTERNAL, "ILL", "it is ill") : TRB_OK;
}

static void stop(void *self)
{
    stopped++;
}

static void *component_up(void *self, struct trb_instance *i, struct trb_error *err)
{
    struct counting *c = self;
    if (c->refuses)
        error_set(err, TRB_INVALID, "UNKNOWN", "it does not know that one");
    else
        c->up++;
    return NULL;
}

static void component_down(void *self, struct trb_instance *i, void *data)
{
    ((struct counting *)self)->down++;
}

static void component_leaving(void *self, struct trb_instance *i, void *data)
{
    ((struct counting *)self)->leaving++;
}

static void give_text(void *self, void (*out)(void *, struct trb_slice), void *arg)
{
    out(arg, slice_of(((struct counting *)self)->kept));
}

static void adopt_text(void *self, struct trb_slice kept)
{
    struct counting *c = self;
    c->adopted++;
    snprintf(c->kept, sizeof c->kept, "%.*s", (int)kept.len, kept.at);
}

static void component_moving(void *self, struct trb_instance *i, void *data, void (*done)(void *), void *token)
{
}

static void in_service(void *self)
{
    ((struct counting *)self)->in_service++;
}

static const struct trb_block counting_block = {
    .size = sizeof counting_block, .abi = TRB_BLOCK_ABI, .name = "state", .self_size = sizeof(struct counting),
    .verbs = state_verbs, .verb_count = countof(state_verbs), .verb_size = sizeof state_verbs[0], .mandatory = "get set remove",
    .start = start, .stop = stop, .component_up = component_up, .component_down = component_down, .component_leaving = component_leaving,
    .hand_over = give_text, .adopt = adopt_text, .in_service = in_service};

#define MOST 4u

struct scene {
    struct runtime rt;
    struct plugin *plugin;
    struct service *old;
    struct entry entries[MOST];
    uint32_t count;
    struct list moved;
    trb_code code;
    struct trb_error err;
};

static struct counting *of(struct service *s)
{
    return (struct counting *)(void *)s->self;
}

static struct moved_block *moved(struct scene *s)
{
    return list_item(s->moved.next, struct moved_block, link);
}

static void begin(void *arg)
{
    struct scene *s = arg;
    loader_get(SLICE("state.keeping"), &s->plugin, &s->err);
    blocks_init(&s->rt.blocks);
    list_init(&s->rt.components.entries);
    list_init(&s->moved);
    service_create(s->plugin, &counting_block, &s->rt.kernel, &s->old, &s->err);
    blocks_replace(&s->rt, s->old);
    service_in_service(&s->rt, s->old);
}

static struct scene *scene(void)
{
    struct scene *s = mem_zero(sizeof *s);
    s->err = (struct trb_error)ERROR_INIT;
    s->rt.magic = RUNTIME_MAGIC;
    start_fails = all_refuse = false;
    stopped = 0;
    run_on(0, begin, s);
    return s;
}

static void view_last(void *arg)
{
    struct scene *s = arg;
    struct entry *e = &s->entries[s->count - 1];
    s->code = view_create(s->old, e->instance, &e->view, &s->err);
    list_append(&s->rt.components.entries, &e->link);
}

static struct entry *add_component(struct scene *s)
{
    struct entry *e = &s->entries[s->count++];
    e->rt = &s->rt;
    e->state = ENTRY_LIVE;
    e->instance = up("state.forgetful", &state_block, NULL, NULL);
    list_init(&e->link);
    run_on(0, view_last, s);
    assert_int_equal(s->code, TRB_OK);
    return e;
}

static void create_moved(void *arg)
{
    struct scene *s = arg;
    s->code = moved_block_create(&s->rt, s->plugin, &counting_block, &s->moved, &s->err);
}

static void exchange(void *arg)
{
    moved_block_exchange(moved(arg));
}

static void finish(void *arg)
{
    struct scene *s = arg;
    struct moved_block *m = moved(s);
    list_remove(&m->link);
    moved_block_finish(m);
}

static void take_back(void *arg)
{
    struct scene *s = arg;
    struct moved_block *m = moved(s);
    list_remove(&m->link);
    moved_block_take_back(m);
}

static void see_stopped(void *arg)
{
    *(uint32_t *)arg = stopped;
}

/* It is looked at now and then whether anything pins a copy. */
static void await_stopped(uint32_t copies)
{
    uint32_t seen;
    do
        run_on(0, see_stopped, &seen);
    while (seen < copies);
    assert_int_equal(seen, copies);
}

static void drop_views(void *arg)
{
    struct scene *s = arg;
    for (uint32_t i = 0; i < s->count; i++)
        s->entries[i].view = view_destroy(s->entries[i].view);
    list_each(node, &s->rt.blocks.services)
        blocks_retire(&s->rt, list_item(node, struct service, link));
}

static void end(struct scene *s)
{
    uint32_t before;
    run_on(0, see_stopped, &before);
    run_on(0, drop_views, s);
    await_stopped(before + 1);
    for (uint32_t i = 0; i < s->count; i++) {
        assert_int_equal(atomic_load(&s->entries[i].instance->pins), 0);
        down(s->entries[i].instance);
    }
    plugin_unref(s->plugin);
    blocks_fini(&s->rt.blocks);
    mem_free(s);
}

/* ----------------------------------------------------------------------------------------- beginning */
static void a_block_that_is_not_in_service_is_left_out(void **state)
{
    static const struct trb_block other = {.size = sizeof other, .abi = TRB_BLOCK_ABI, .name = "lock", .start = start};
    struct scene *s = scene();
    assert_int_equal(moved_block_create(&s->rt, s->plugin, &other, &s->moved, &s->err), TRB_OK);
    assert_true(list_is_empty(&s->moved));
    end(s);
}

static void one_whose_earlier_copy_still_settles_is_busy(void **state)
{
    struct scene *s = scene();
    s->old->is_in_service = false;
    run_on(0, create_moved, s);
    assert_int_equal(s->code, TRB_ABORTED);
    assert_string_equal(s->err.message, "block state is being replaced already");
    assert_true(list_is_empty(&s->moved));
    end(s);
}

static void one_whose_component_moves_by_itself_is_busy(void **state)
{
    struct trb_block knows = counting_block;
    struct scene *s = scene();
    struct entry *e = add_component(s);
    knows.component_moving = component_moving;
    s->old->block = &knows;
    e->is_challenged = true;
    run_on(0, create_moved, s);
    assert_int_equal(s->code, TRB_ABORTED);
    assert_string_equal(s->err.message, "a component of block state is being replaced");
    s->old->block = &counting_block;
    end(s);
}

static void a_copy_that_does_not_start_is_taken_back(void **state)
{
    struct scene *s = scene();
    add_component(s);
    start_fails = true;
    run_on(0, create_moved, s);
    assert_int_equal(s->code, TRB_INTERNAL);
    assert_string_equal(s->err.message, "block 'state': it is ill");
    run_on(0, take_back, s);
    assert_ptr_equal(blocks_find(&s->rt, SLICE("state")), s->old);
    end(s);
}

static void a_copy_that_refuses_a_component_is_taken_back(void **state)
{
    struct scene *s = scene();
    struct entry *e = add_component(s);
    struct trb_instance *view = e->view;
    all_refuse = true;
    run_on(0, create_moved, s);
    assert_int_equal(s->code, TRB_INVALID);
    run_on(0, take_back, s);
    await_stopped(1);
    assert_ptr_equal(e->view, view);
    assert_int_equal(of(s->old)->down, 0);
    end(s);
}

static void nobody_notices_a_copy_that_is_taken_back(void **state)
{
    struct scene *s = scene();
    struct entry *e = add_component(s);
    struct trb_instance *view = e->view;
    run_on(0, create_moved, s);
    assert_int_equal(s->code, TRB_OK);
    assert_int_equal(of(moved(s)->new_)->up, 1);
    assert_ptr_equal(e->view, view);
    run_on(0, take_back, s);
    await_stopped(1);
    assert_ptr_equal(e->view, view);
    assert_ptr_equal(blocks_find(&s->rt, SLICE("state")), s->old);
    end(s);
}

/* ---------------------------------------------------------------------------------------- exchanging */
static void components_are_seen_by_the_new_copy_from_the_exchange_on(void **state)
{
    struct scene *s = scene();
    add_component(s);
    add_component(s);
    run_on(0, create_moved, s);
    struct service *new_ = moved(s)->new_;
    run_on(0, exchange, s);
    assert_ptr_equal(blocks_find(&s->rt, SLICE("state")), new_);
    for (uint32_t i = 0; i < 2; i++)
        assert_ptr_equal(s->entries[i].view->service, new_);
    assert_int_equal(of(new_)->in_service, 0);
    run_on(0, finish, s);
    await_stopped(1);
    assert_int_equal(of(new_)->in_service, 1);
    assert_int_equal(of(new_)->up, 2);
    end(s);
}

static void what_the_old_copy_keeps_goes_over_and_what_it_heard_later_too(void **state)
{
    struct scene *s = scene();
    snprintf(of(s->old)->kept, sizeof of(s->old)->kept, "%s", "early");
    run_on(0, create_moved, s);
    struct service *new_ = moved(s)->new_;
    run_on(0, exchange, s);
    assert_string_equal(of(new_)->kept, "early");
    snprintf(of(s->old)->kept, sizeof of(s->old)->kept, "%s", "late");
    run_on(0, finish, s);
    await_stopped(1);
    assert_string_equal(of(new_)->kept, "late");
    assert_int_equal(of(new_)->adopted, 2);
    end(s);
}

static void the_old_copy_hears_that_its_components_leave_and_goes_when_nothing_pins_it(void **state)
{
    struct scene *s = scene();
    add_component(s);
    run_on(0, create_moved, s);
    run_on(0, exchange, s);
    s->old->owner.pin(&s->old->owner);                         /* a request in its steps */
    run_on(0, finish, s);
    assert_int_equal(of(s->old)->leaving, 1);
    assert_int_equal(of(s->old)->down, 0);
    snprintf(of(s->old)->kept, sizeof of(s->old)->kept, "%s", "by that request");
    struct service *new_ = blocks_find(&s->rt, SLICE("state"));
    s->old->owner.unpin(&s->old->owner);
    await_stopped(1);
    assert_string_equal(of(new_)->kept, "by that request");
    end(s);
}

static void a_component_that_came_up_in_between_is_seen_too(void **state)
{
    struct scene *s = scene();
    add_component(s);
    run_on(0, create_moved, s);
    struct entry *late = add_component(s);
    run_on(0, exchange, s);
    struct service *new_ = blocks_find(&s->rt, SLICE("state"));
    assert_ptr_equal(late->view->service, new_);
    assert_int_equal(of(new_)->up, 2);
    run_on(0, finish, s);
    await_stopped(1);
    end(s);
}

static void a_component_that_left_in_between_is_forgotten(void **state)
{
    struct scene *s = scene();
    add_component(s);
    struct entry *leaving = add_component(s);
    run_on(0, create_moved, s);
    leaving->state = ENTRY_LEAVING;
    run_on(0, exchange, s);
    struct service *new_ = blocks_find(&s->rt, SLICE("state"));
    assert_ptr_equal(leaving->view->service, s->old);
    assert_int_equal(of(new_)->up, 2);
    assert_int_equal(of(new_)->down, 1);
    assert_int_equal(moved(s)->view_count, 1);
    leaving->view = view_destroy(leaving->view);
    run_on(0, finish, s);
    await_stopped(1);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_is_not_in_service_is_left_out),
        cmocka_unit_test(one_whose_earlier_copy_still_settles_is_busy),
        cmocka_unit_test(one_whose_component_moves_by_itself_is_busy),
        cmocka_unit_test(a_copy_that_does_not_start_is_taken_back),
        cmocka_unit_test(a_copy_that_refuses_a_component_is_taken_back),
        cmocka_unit_test(nobody_notices_a_copy_that_is_taken_back),
        cmocka_unit_test(components_are_seen_by_the_new_copy_from_the_exchange_on),
        cmocka_unit_test(what_the_old_copy_keeps_goes_over_and_what_it_heard_later_too),
        cmocka_unit_test(the_old_copy_hears_that_its_components_leave_and_goes_when_nothing_pins_it),
        cmocka_unit_test(a_component_that_came_up_in_between_is_seen_too),
        cmocka_unit_test(a_component_that_left_in_between_is_forgotten),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
