/* session_test: how client, keeper and deliveries meet, whoever ends first; every pin is given back. */
#include <plugins/pubsub/block/session.c>
#include <plugins/pubsub/block/session_keeper.c>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fake { /* a request of the kernel */
    struct trb_request public_;
    uint32_t pins, wakes;
    void (*over)(struct trb_request *, void *);
    void *over_arg;
};

static struct block block;
static struct fake client, keeper;
static struct subscription *made;
static struct trb_next begun;
static void *begun_arg;
static bool is_locked, is_drained;
static char said[256];
static const struct trb_kernel kernel;

static struct fake *fake_of(struct trb_request *rq)
{
    return container_of(rq, struct fake, public_);
}

/* ---------------------------------------------------------------------------------- the kernel */
static void fake_lock(void *self)
{
    assert_false(is_locked);
    is_locked = true;
}

static void fake_unlock(void *self)
{
    assert_true(is_locked);
    is_locked = false;
}

static void fake_pin(struct trb_request *rq)
{
    fake_of(rq)->pins++;
}

static void fake_unpin(struct trb_request *rq)
{
    assert_true(fake_of(rq)->pins > 0);
    fake_of(rq)->pins--;
}

static void fake_wake(struct trb_request *rq)
{
    assert_true(fake_of(rq)->pins > 0);
    fake_of(rq)->wakes++;
    strcat(said, "wake;");
}

static void fake_task(const struct trb_kernel *k, void *self, int32_t home, struct trb_next first, void *arg)
{
    assert_int_equal(home, 0);
    begun = first;
    begun_arg = arg;
}

static void *fake_task_arg(struct trb_request *rq)
{
    return begun_arg;
}

static struct trb_next fake_park(struct trb_request *rq, struct trb_next then)
{
    then.kind = TRB_NEXT_AWAIT;
    return then;
}

static struct trb_next fake_end(struct trb_request *rq)
{
    return (struct trb_next){.kind = TRB_NEXT_END};
}

static void fake_on_over(struct trb_request *rq, void (*run)(struct trb_request *, void *), void *arg)
{
    fake_of(rq)->over = run;
    fake_of(rq)->over_arg = arg;
}

static const struct trb_kernel kernel = {
    .size = sizeof kernel, .lock = fake_lock, .unlock = fake_unlock, .pin = fake_pin, .unpin = fake_unpin,
    .wake = fake_wake, .task = fake_task, .task_arg = fake_task_arg, .park = fake_park, .task_end = fake_end,
    .on_over = fake_on_over,
};

/* ------------------------------------------------------------------------------ the other files */
struct subscription *subscription_create(const struct trb_kernel *k, struct trb_slice json, uint32_t origin,
                                         struct fault *ret_fault)
{
    assert_int_equal(origin, STREAMING);
    assert_string_equal(json.at, "{wish}");
    return made = mem_zero(sizeof *made);
}

void subscription_add(struct block *b, struct subscription *s)
{
    strcat(said, "add;");
}

void subscription_remove(struct block *b, struct subscription *s)
{
    strcat(said, "remove;");
    assert_ptr_equal(s, made);
    session_unref(s->session);
    made = mem_free(s);
}

void listeners_schedule(struct block *b)
{
    strcat(said, "schedule;");
}

void block_check_drained(struct block *b)
{
    is_drained = list_is_empty(&b->sessions);
}

struct trb_name name_copy(struct trb_request *rq, struct trb_slice from)
{
    return (struct trb_name){from.at, from.len};
}

/* ------------------------------------------------------------------------------------- the scene */
static int setup(void **state)
{
    memset(&block, 0, sizeof block);
    block.kernel = &kernel;
    list_init(&block.sessions);
    client = keeper = (struct fake){.public_ = {.size = sizeof client.public_, .kernel = &kernel, .self = &block}};
    made = NULL;
    is_drained = false;
    *said = 0;
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(client.pins, 0);
    assert_int_equal(keeper.pins, 0);
    assert_true(list_is_empty(&block.sessions));
    assert_null(made);
    return 0;
}

static void end(struct fake *f)
{
    f->over(&f->public_, f->over_arg);
    f->over = NULL;
}

/* Runs the keeper's steps until it parks or ends. */
static void run_keeper(void)
{
    struct trb_next next = begun;
    while (next.kind == TRB_NEXT_GO)
        next = next.step(&keeper.public_);
    begun = next;
    begun.kind = TRB_NEXT_GO;
    if (next.kind == TRB_NEXT_END)
        end(&keeper);
}

static struct session *begin(void)
{
    struct session *s = session_begin(&client.public_);
    assert_non_null(s);
    client.over = session_over;
    client.over_arg = s;
    return s;
}

static struct session *open_one(void)
{
    struct session *s = begin();
    run_keeper();
    session_wish(s, SLICE("pubsub"), SLICE("{wish}"));
    run_keeper();
    session_opened(s);
    *said = 0;
    return s;
}

/* The client has gone, and the keeper has done its part. */
static void close_all(void)
{
    end(&client);
    run_keeper();
}

struct delivered {
    struct fake fake;
    struct parcel parcel;
};

static void deliver(struct delivered *d, const char *id, const char *message)
{
    *d = (struct delivered){.fake = {.public_ = {.kernel = &kernel, .self = &block}}};
    d->parcel.delivery = &d->fake.public_;
    d->parcel.id = name_of(id);
    text_adds(&d->parcel.message, message);
}

static bool next_is(struct session *s, const char *message)
{
    struct text t = {0};
    bool ended, found = session_next(s, &t, &ended);
    bool is = found && !strcmp(t.at, message);
    assert_false(found && ended);
    text_fini(&t);
    return is;
}

static bool has_next(struct session *s, bool *ret_ended)
{
    struct text t = {0};
    return session_next(s, &t, ret_ended);
}

/* As session_fate says it, while the session is there: a listener keeps it for its deliveries. */
static uint32_t fate(struct delivered *d)
{
    return d->parcel.fate;
}

/* ------------------------------------------------------------------------------------ the opening */
static void a_wish_becomes_a_subscription(void **state)
{
    struct session *s = begin();
    run_keeper();
    assert_int_equal(session_phase(s), SESSION_NEW);
    session_wish(s, SLICE("pubsub"), SLICE("{wish}"));
    assert_string_equal(said, "wake;");
    run_keeper();
    assert_string_equal(said, "wake;add;schedule;");
    assert_false(session_is_listed(s));
    session_opened(s);
    assert_int_equal(session_phase(s), SESSION_OPEN);
    assert_true(session_is_listed(s));
    assert_int_equal(client.wakes, 1);
    close_all();
}

static void a_keeper_that_begins_late_finds_the_wish(void **state)
{
    struct session *s = begin();
    session_wish(s, SLICE("pubsub"), SLICE("{wish}"));
    run_keeper();
    assert_string_equal(said, "add;schedule;");
    close_all();
}

static void what_went_wrong_is_told_once(void **state)
{
    struct session *s = begin();
    session_wish(s, SLICE("pubsub"), SLICE("{wish}"));
    run_keeper();
    session_refused(s, "no");
    session_opened(s);
    session_unknown(s);
    assert_int_equal(session_phase(s), SESSION_REFUSED);
    assert_string_equal(session_fault(s, &client.public_).at, "no");
    assert_int_equal(client.wakes, 1);
    close_all();
}

static void a_client_that_goes_before_the_keeper_has_begun(void **state)
{
    begin();
    end(&client);
    run_keeper();
    assert_string_equal(said, "wake;");
}

static void a_process_that_leaves_begins_no_session(void **state)
{
    block.is_leaving = true;
    assert_null(session_begin(&client.public_));
}

/* ------------------------------------------------------------------------------------ the events */
static void an_event_waits_for_the_clients_word(void **state)
{
    struct session *s = open_one();
    struct delivered d;
    deliver(&d, "1", "event");
    assert_true(session_join(s, &d.parcel));
    assert_int_equal(d.fake.pins, 1);
    assert_true(next_is(s, "event"));
    assert_int_equal(fate(&d), PARCEL_WAITING);
    assert_true(session_answer(s, SLICE("1"), 2));
    int32_t status;
    assert_int_equal(session_fate(&d.parcel, &status), PARCEL_ANSWERED);
    assert_int_equal(status, 2);
    assert_int_equal(d.fake.wakes, 1);
    assert_int_equal(d.fake.pins, 0);
    assert_false(session_answer(s, SLICE("1"), 0));
    session_withdraw(&d.parcel);
    close_all();
}

static void only_an_idle_client_is_woken(void **state)
{
    struct session *s = open_one();
    struct delivered a, b;
    bool ended;
    uint32_t before = client.wakes;
    deliver(&a, "a", "a");
    deliver(&b, "b", "b");
    assert_false(has_next(s, &ended));
    assert_true(session_join(s, &a.parcel) && session_join(s, &b.parcel));
    assert_int_equal(client.wakes, before + 1);
    assert_true(next_is(s, "a") && next_is(s, "b"));
    close_all();
    assert_int_equal(fate(&a), PARCEL_HELD);
    assert_int_equal(fate(&b), PARCEL_HELD);
}

static void an_event_that_was_not_sent_cannot_be_answered(void **state)
{
    struct session *s = open_one();
    struct delivered d;
    deliver(&d, "1", "event");
    assert_true(session_join(s, &d.parcel));
    assert_false(session_answer(s, SLICE("1"), 0));
    assert_true(next_is(s, "event"));
    assert_true(session_answer(s, SLICE("1"), 0));
    close_all();
}

static void of_two_with_one_id_the_first_is_answered(void **state)
{
    struct session *s = open_one();
    struct delivered a, b;
    deliver(&a, "1", "a");
    deliver(&b, "1", "b");
    assert_true(session_join(s, &a.parcel) && session_join(s, &b.parcel));
    assert_true(next_is(s, "a") && next_is(s, "b"));
    assert_true(session_answer(s, SLICE("1"), 0));
    assert_int_equal(fate(&a), PARCEL_ANSWERED);
    assert_int_equal(fate(&b), PARCEL_WAITING);
    close_all();
}

static void a_delivery_that_ends_takes_its_event_along(void **state)
{
    struct session *s = open_one();
    struct delivered a, b;
    bool ended;
    deliver(&a, "a", "a");
    deliver(&b, "b", "b");
    assert_true(session_join(s, &a.parcel) && session_join(s, &b.parcel));
    assert_true(next_is(s, "a"));
    session_withdraw(&a.parcel);
    session_withdraw(&b.parcel);
    assert_int_equal(a.fake.pins + b.fake.pins, 0);
    assert_false(session_answer(s, SLICE("a"), 0));
    assert_false(has_next(s, &ended));
    close_all();
}

/* --------------------------------------------------------------------------------------- the end */
static void the_listener_closes_before_anything_is_held(void **state)
{
    struct session *s = open_one();
    struct delivered queued, sent;
    deliver(&sent, "s", "s");
    assert_true(session_join(s, &sent.parcel) && next_is(s, "s"));
    deliver(&queued, "q", "q");
    assert_true(session_join(s, &queued.parcel));
    *said = 0;
    end(&client);
    assert_string_equal(said, "wake;");
    assert_int_equal(fate(&sent), PARCEL_WAITING);
    run_keeper();
    assert_string_equal(said, "wake;remove;wake;wake;wake;");
    assert_int_equal(queued.fake.wakes + sent.fake.wakes, 2);
    assert_int_equal(queued.fake.pins + sent.fake.pins, 0);
    assert_true(is_drained);
    text_fini(&queued.parcel.message);
}

static void between_the_clients_end_and_the_keepers_events_wait(void **state)
{
    struct session *s = open_one();
    struct delivered d;
    end(&client);
    deliver(&d, "1", "event");
    assert_true(session_join(s, &d.parcel));
    run_keeper();
    assert_int_equal(d.fake.wakes, 1);
    assert_int_equal(d.fake.pins, 0);
    text_fini(&d.parcel.message);
}

static void a_keeper_that_is_cut_closes_all_the_same(void **state)
{
    struct session *s = open_one();
    struct delivered d;
    bool ended = false;
    deliver(&d, "1", "event");
    assert_true(session_join(s, &d.parcel));
    end(&keeper);
    assert_int_equal(d.fake.wakes, 1);
    assert_int_equal(session_phase(s), SESSION_CLOSED);
    assert_false(has_next(s, &ended));
    assert_true(ended);
    assert_false(session_join(s, &d.parcel));
    end(&client);
    text_fini(&d.parcel.message);
}

static void a_process_that_leaves_waits_for_what_the_client_has(void **state)
{
    struct session *s = open_one();
    struct delivered sent, queued;
    bool ended;
    deliver(&sent, "s", "s");
    assert_true(session_join(s, &sent.parcel) && next_is(s, "s"));
    deliver(&queued, "q", "q");
    assert_true(session_join(s, &queued.parcel));
    block.is_leaving = true;
    assert_false(has_next(s, &ended));
    assert_false(ended);
    assert_int_equal(fate(&queued), PARCEL_HELD);
    assert_true(session_answer(s, SLICE("s"), 0));
    assert_false(has_next(s, &ended));
    assert_true(ended);
    assert_false(session_join(s, &queued.parcel));
    text_fini(&queued.parcel.message);
    close_all();
}

static void all_clients_hear_that_the_process_leaves(void **state)
{
    begin();
    run_keeper();
    struct trb_next kept = begun;
    sessions_leave(&block);
    assert_int_equal(begun.step(&keeper.public_).kind, TRB_NEXT_END);
    assert_int_equal(client.wakes, 1);
    begun = kept;
    assert_true(sessions_any(&block));
    close_all();
    assert_false(sessions_any(&block));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_wish_becomes_a_subscription), TEST(a_keeper_that_begins_late_finds_the_wish),
        TEST(what_went_wrong_is_told_once), TEST(a_client_that_goes_before_the_keeper_has_begun),
        TEST(a_process_that_leaves_begins_no_session), TEST(an_event_waits_for_the_clients_word),
        TEST(only_an_idle_client_is_woken), TEST(an_event_that_was_not_sent_cannot_be_answered),
        TEST(of_two_with_one_id_the_first_is_answered), TEST(a_delivery_that_ends_takes_its_event_along),
        TEST(the_listener_closes_before_anything_is_held),
        TEST(between_the_clients_end_and_the_keepers_events_wait),
        TEST(a_keeper_that_is_cut_closes_all_the_same), TEST(a_process_that_leaves_waits_for_what_the_client_has),
        TEST(all_clients_hear_that_the_process_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
