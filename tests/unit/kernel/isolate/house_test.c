/* A component in a process of its own: it answers as in ours; whatever happens to that process, only what it
 * had been asked is lost, and it is back at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "apart.h"
#include <base/clock.h>
#include <errno.h>
#include <isolate/child.h>
#include <isolate/house.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct got {
    char value[256];
    trb_code code;
    char message[512], reason[64];
};

static struct asked asking(struct instance *i, const struct trb_state_get *q)
{
    return (struct asked){.instance = i, .verb = apart_verb("state", "get"), .question = q};
}

static struct got read_answer(struct asked *a)
{
    struct got got = {.code = TRB_OK};
    const struct trb_state_item *item = call_answer(a->call);
    const struct trb_error *err = call_failure(a->call);
    if (item && item->value.at)
        snprintf(got.value, sizeof got.value, "%.*s", (int)item->value.len, item->value.at);
    if (err) {
        got.code = err->code;
        snprintf(got.message, sizeof got.message, "%s", err->message);
        snprintf(got.reason, sizeof got.reason, "%s", err->reason);
    }
    driver_release(a);
    return got;
}

static struct got get(struct instance *i, const char *key)
{
    struct trb_pair pair = {NAME("who"), NAME("the child")};
    struct trb_state_get q = {.size = sizeof q, .key = name_of(key), .metadata = {&pair, 1, sizeof pair}};
    struct asked a = asking(i, &q);
    driver_ask(&a);
    return read_answer(&a);
}

static struct instance *up(const char *const *pairs)
{
    struct apart a = {.type = "state.crashing", .pairs = pairs};
    struct instance *i = apart_up(&a);
    if (!i)
        print_message("%s\n", a.err.message);
    assert_non_null(i);
    return i;
}

static void a_question_reaches_it_and_its_answer_comes_back(void **state)
{
    struct instance *i = up(NULL);
    assert_string_equal(get(i, "hello").value, "hello");
    struct got got = get(i, "absent");
    assert_int_equal(got.code, TRB_ABORTED);
    assert_string_equal(got.reason, "ETAG");
    assert_string_equal(got.message, "the word of the child");
    driver_retire(i);
}

static void a_large_value_goes_both_ways(void **state)
{
    struct instance *i = up(NULL);
    size_t len = 5u << 20;
    char *key = mem_alloc(len + 1);
    memset(key, 'k', len);
    key[len] = 0;
    struct trb_state_get q = {.size = sizeof q, .key = {key, len}};
    struct asked a = asking(i, &q);
    driver_ask(&a);
    const struct trb_state_item *item = call_answer(a.call);
    assert_non_null(item);
    assert_int_equal(item->value.len, len);
    assert_memory_equal(item->value.at, key, len);
    driver_release(&a);
    mem_free(key);
    driver_retire(i);
}

static void what_is_too_large_for_the_line_is_refused(void **state)
{
    struct instance *i = up(NULL);
    size_t len = 65u << 20;
    char *key = mem_zero(len + 1);
    struct trb_state_get q = {.size = sizeof q, .key = {key, len}};
    struct asked a = asking(i, &q);
    driver_ask(&a);
    assert_int_equal(read_answer(&a).code, TRB_EXHAUSTED);
    mem_free(key);
    assert_string_equal(get(i, "next").value, "next");
    driver_retire(i);
}

static void a_bulk_has_an_answer_or_an_error_per_item(void **state)
{
    struct instance *i = up(NULL);
    struct trb_state_get keys[] = {{.size = sizeof keys[0], .key = NAME("a")}, {.size = sizeof keys[0], .key = NAME("b")}};
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {keys, 2, sizeof keys[0]}};
    struct asked a = {.instance = i, .verb = apart_verb("state", "bulk_get"), .question = &q};
    driver_ask(&a);
    assert_int_equal(call_item_count(a.call), 2);
    const struct trb_state_item *first = call_item_at(a.call, 0)->answer;
    assert_memory_equal(first->value.at, "a", 1);
    assert_int_equal(call_item_at(a.call, 1)->failure->code, TRB_NOT_FOUND);
    driver_release(&a);
    driver_retire(i);
}

#define CROWD 300u

static void many_calls_of_all_loops_are_under_way_at_once(void **state)
{
    static struct asked crowd[CROWD];
    static struct trb_state_get q[CROWD];
    static char keys[CROWD][16];
    struct instance *i = up(NULL);
    for (uint32_t n = 0; n < CROWD; n++) {
        snprintf(keys[n], sizeof keys[n], "key%u", n);
        q[n] = (struct trb_state_get){.size = sizeof q[n], .key = name_of(keys[n])};
        crowd[n] = asking(i, &q[n]);
        driver_send(&crowd[n], n % DRIVER_LOOPS);
    }
    for (uint32_t n = 0; n < CROWD; n++) {
        driver_wait(&crowd[n]);
        assert_string_equal(read_answer(&crowd[n]).value, keys[n]);
    }
    driver_retire(i);
}

static void a_crash_loses_its_own_call_alone_and_it_is_back_at_once(void **state)
{
    static const char *const ways[] = {"crash", "exit", "garbage"};
    struct instance *i = up(NULL);
    for (uint32_t n = 0; n < 12; n++) {
        struct got got = get(i, ways[n % countof(ways)]);
        assert_int_equal(got.code, TRB_UNAVAILABLE);
        assert_string_equal(got.reason, "PROCESS_ENDED");
        assert_string_equal(get(i, "after").value, "after");
    }
    driver_retire(i);
}

static int by_size(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static void of_thousand_calls_each_hundredth_crashes_and_ten_fail(void **state)
{
    static const char *const pairs[] = {"every", "100", NULL};
    struct instance *i = up(pairs);
    double restarts[16] = {0};
    uint32_t failed = 0;
    for (uint32_t n = 1; n <= 1000; n++) {
        uint64_t began = clock_now_ns();
        bool was_lost = failed && (n - 1) % 100 == 0;
        struct got got = get(i, "it");
        if (was_lost)                      /* the first one after a crash waits for the new process */
            restarts[failed - 1] = (double)(clock_now_ns() - began) / 1e6;
        failed += got.code != TRB_OK;
        assert_int_equal(got.code, n % 100 ? TRB_OK : TRB_UNAVAILABLE);
    }
    assert_int_equal(failed, 10);
    qsort(restarts, 9, sizeof restarts[0], by_size);
    print_message("from the crash to the next answer: median %.1f ms, worst %.1f ms\n", restarts[4], restarts[8]);
    driver_retire(i);
}

static void one_that_is_killed_from_outside_is_back(void **state)
{
    struct instance *i = up(NULL);
    kill(container_of(i->component, struct house, component)->pid, SIGKILL);
    struct got got = get(i, "it");
    assert_true(got.code == TRB_OK || got.code == TRB_UNAVAILABLE);
    assert_string_equal(get(i, "it").value, "it");
    driver_retire(i);
}

static void one_that_hangs_is_ended_and_started_again(void **state)
{
    struct instance *i = up(NULL);
    struct got got = get(i, "hang");
    assert_int_equal(got.code, TRB_UNAVAILABLE);
    assert_string_equal(get(i, "after").value, "after");
    driver_retire(i);
}

static void a_start_that_fails_says_why(void **state)
{
    static const char *const pairs[] = {"start", "fail", NULL};
    struct apart a = {.type = "state.crashing", .pairs = pairs};
    assert_null(apart_up(&a));
    assert_string_equal(a.err.message, "told not to start");
    static const char *const crashes[] = {"start", "crash", NULL};
    a.pairs = crashes;
    assert_null(apart_up(&a));
    assert_non_null(strstr(a.err.message, "ended before it was up"));
    static const char *const hangs[] = {"start", "hang", NULL};
    a.pairs = hangs;
    a.init_timeout_ns = 300 * CLOCK_MS;
    assert_null(apart_up(&a));
    assert_int_equal(a.err.code, TRB_DEADLINE);
}

static void it_may_not_do_what_it_has_no_need_to(void **state)
{
    struct instance *i = up(NULL);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "socket %d exec %d ptrace %d fork %d kill %d environment cleared", EPERM, EPERM, EPERM, EPERM,
             EPERM);
    assert_string_equal(get(i, "try").value, wanted);
    driver_retire(i);
}

static void its_limits_end_what_it_takes(void **state)
{
    struct apart a = {.type = "state.crashing", .limits = {.memory_bytes = 64u << 20, .descriptors = 64}};
    struct instance *i = apart_up(&a);
    assert_non_null(i);
    assert_non_null(strstr(get(i, "open").message, "refused after"));
#ifndef TRB_SANITIZED
    struct got got = get(i, "eat");
    assert_true(got.code == TRB_EXHAUSTED || got.code == TRB_UNAVAILABLE);
#endif
    assert_string_equal(get(i, "after").value, "after");
    driver_retire(i);
}

/* Ten looks in a row, one per second: a call that is never answered waits for the end. */
static void one_that_uses_more_than_its_share_of_a_processor_is_ended(void **state)
{
    struct apart a = {.type = "state.crashing", .limits = {.cpu_percent = 1}};
    struct instance *i = apart_up(&a);
    assert_non_null(i);
    assert_string_equal(get(i, "spin").value, "spinning");
    assert_int_equal(get(i, "never").code, TRB_UNAVAILABLE);
    assert_string_equal(get(i, "after").value, "after");
    driver_retire(i);
}

struct looked {
    struct instance *instance;
    struct isolate_figures figures;
    bool is_apart;
};

static void look_here(void *arg)
{
    struct looked *l = arg;
    l->is_apart = isolate_figures(l->instance, &l->figures);
}

static struct isolate_figures figures(struct instance *i)
{
    struct looked l = {.instance = i};
    driver_run(look_here, &l);
    assert_true(l.is_apart);
    return l.figures;
}

static void one_that_keeps_within_its_share_is_left_alone(void **state)
{
    struct apart a = {.type = "state.crashing", .limits = {.cpu_percent = 100}};
    struct instance *i = apart_up(&a);
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(get(i, "it").code, TRB_OK);
    assert_int_equal(figures(i).restarts, 0);
    driver_retire(i);
}

static void its_process_and_what_that_uses_are_told(void **state)
{
    struct instance *i = up(NULL);
    struct isolate_figures first = figures(i), then;
    assert_true(first.pid > 0 && !first.restarts && first.resident_bytes > 100000);
    assert_int_equal(get(i, "crash").code, TRB_UNAVAILABLE);
    assert_string_equal(get(i, "after").value, "after");
    then = figures(i);
    assert_int_equal(then.restarts, 1);
    assert_int_not_equal(then.pid, first.pid);
    driver_retire(i);
}

/* ------------------------------------------------------------------------------------------- files */
struct place {                             /* named/there, read/there, other/there */
    char root[64], named[96], reads[96], other[96];
};

static void make_file(char *ret, const char *root, const char *folder)
{
    snprintf(ret, 96, "%s/%s", root, folder);
    assert_int_equal(mkdir(ret, 0700), 0);
    snprintf(ret, 96, "%s/%s/there", root, folder);
    FILE *f = fopen(ret, "w");
    assert_non_null(f);
    fclose(f);
}

static void make_place(struct place *p)
{
    snprintf(p->root, sizeof p->root, "/tmp/trilby-files-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    make_file(p->named, p->root, "named");
    make_file(p->reads, p->root, "reads");
    make_file(p->other, p->root, "other");
}

static void drop_place(struct place *p)
{
    char *files[] = {p->named, p->reads, p->other}, neighbour[112];
    snprintf(neighbour, sizeof neighbour, "%s-wal", p->named);
    unlink(neighbour);
    for (size_t i = 0; i < countof(files); i++) {
        unlink(files[i]);
        *strrchr(files[i], '/') = 0;
        rmdir(files[i]);
    }
    rmdir(p->root);
}

static struct got open_file(struct instance *i, const char *mode, const char *path, const char *behind)
{
    char key[160];
    snprintf(key, sizeof key, "file %s %s%s", mode, path, behind);
    return get(i, key);
}

static void it_writes_what_its_options_name_and_reads_that_and_what_all_need(void **state)
{
    struct place p;
    make_place(&p);
    const char *const pairs[] = {"folder", p.named, "reads", p.reads, NULL};
    struct instance *i = up(pairs);
    bool is_confined = landlock_is_there();
    const char *refused = is_confined ? "refused" : "opened";
    assert_string_equal(open_file(i, "r+", p.named, "").value, "opened");
    assert_string_equal(open_file(i, "w", p.named, "-wal").value, "opened");
    assert_string_equal(open_file(i, "r", p.reads, "").value, "opened");
    assert_string_equal(open_file(i, "r+", p.reads, "").value, refused);
    assert_string_equal(open_file(i, "r", p.other, "").value, refused);
    assert_string_equal(open_file(i, "r", "/etc/passwd", "").value, "opened");
    assert_string_equal(open_file(i, "r+", "/dev/null", "").value, "opened");
    driver_retire(i);
    drop_place(&p);
}

static void it_neither_reads_nor_writes_the_memory_of_others(void **state)
{
    struct instance *i = up(NULL);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/", (int)getpid());
    if (landlock_is_there()) {
        assert_string_equal(open_file(i, "r", path, "mem").value, "refused");
        assert_string_equal(open_file(i, "r+", path, "mem").value, "refused");
        assert_string_equal(open_file(i, "r", path, "environ").value, "refused");
    }
    driver_retire(i);
}

static void where_files_are_open_it_opens_all_that_its_user_may(void **state)
{
    struct place p;
    make_place(&p);
    struct apart a = {.type = "state.crashing", .limits = {.may_open = true}};
    struct instance *i = apart_up(&a);
    assert_non_null(i);
    assert_string_equal(open_file(i, "r+", p.other, "").value, "opened");
    driver_retire(i);
    drop_place(&p);
}

static void a_component_of_an_unknown_block_is_refused(void **state)
{
    struct trb_component other = {.size = sizeof other, .block = "nameresolution", .type = "nameresolution.it", .ops = &other};
    struct isolate_limits limits = {0};
    const struct trb_component *c;
    struct trb_error err = ERROR_INIT;
    assert_int_equal(isolate_component(NULL, &other, &limits, &c, &err), TRB_UNIMPLEMENTED);
    assert_non_null(strstr(err.message, "cannot be isolated"));
}

static int set_up(void **state)
{
    driver_start();
    return 0;
}

static int tear_down(void **state)
{
    driver_stop();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], ISOLATE_WORD))
        return isolate_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_reaches_it_and_its_answer_comes_back),
        cmocka_unit_test(a_large_value_goes_both_ways),
        cmocka_unit_test(what_is_too_large_for_the_line_is_refused),
        cmocka_unit_test(a_bulk_has_an_answer_or_an_error_per_item),
        cmocka_unit_test(many_calls_of_all_loops_are_under_way_at_once),
        cmocka_unit_test(a_crash_loses_its_own_call_alone_and_it_is_back_at_once),
        cmocka_unit_test(of_thousand_calls_each_hundredth_crashes_and_ten_fail),
        cmocka_unit_test(one_that_is_killed_from_outside_is_back),
        cmocka_unit_test(one_that_hangs_is_ended_and_started_again),
        cmocka_unit_test(a_start_that_fails_says_why),
        cmocka_unit_test(it_may_not_do_what_it_has_no_need_to),
        cmocka_unit_test(its_limits_end_what_it_takes),
        cmocka_unit_test(one_that_uses_more_than_its_share_of_a_processor_is_ended),
        cmocka_unit_test(one_that_keeps_within_its_share_is_left_alone),
        cmocka_unit_test(its_process_and_what_that_uses_are_told),
        cmocka_unit_test(it_writes_what_its_options_name_and_reads_that_and_what_all_need),
        cmocka_unit_test(it_neither_reads_nor_writes_the_memory_of_others),
        cmocka_unit_test(where_files_are_open_it_opens_all_that_its_user_may),
        cmocka_unit_test(a_component_of_an_unknown_block_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
