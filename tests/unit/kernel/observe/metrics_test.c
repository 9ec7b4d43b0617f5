/* Metrics: what is counted is written so that every reader of the format can read it, and memory has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/observe/metrics.c"

#define SENT "dapr_runtime_service_invocation_req_sent_total"

static struct trb_metric *sent_to(const char *app)
{
    struct trb_pair pairs[] = {{NAME("app_id"), NAME("we")}, {NAME("dst_app_id"), name_of(app)}};
    struct trb_pairs labels = {pairs, 2, sizeof pairs[0]};
    return metric_get(SENT, &labels);
}

static bool is_written(const char *line)
{
    struct text t = {0};
    metrics_write(&t);
    bool is_there = strstr(t.at, line) != NULL;
    text_fini(&t);
    return is_there;
}

static void a_series_is_found_again_by_its_labels(void **state)
{
    struct trb_metric *m = sent_to("orders");
    metric_add(m, 1);
    assert_ptr_equal(sent_to("orders"), m);
    metric_add(sent_to("orders"), 2);
    assert_ptr_not_equal(sent_to("checkout"), m);
    assert_true(is_written(SENT "{app_id=\"we\",dst_app_id=\"orders\"} 3\n"));
}

/* The bytes of both are the same in a row. */
static void what_was_asked_lately_is_told_apart(void **state)
{
    struct trb_pair ab[] = {{NAME("app_id"), NAME("ab")}, {NAME("dst_app_id"), NAME("c")}};
    struct trb_pair a[] = {{NAME("app_id"), NAME("a")}, {NAME("dst_app_id"), NAME("bc")}};
    struct trb_pairs left = {ab, 2, sizeof ab[0]}, right = {a, 2, sizeof a[0]};
    char longer[1000];
    struct trb_metric *m = metric_get(SENT, &left);
    assert_ptr_not_equal(metric_get(SENT, &right), m);
    assert_ptr_equal(metric_get(SENT, &left), m);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    assert_ptr_equal(sent_to(longer), sent_to(longer));
}

static void a_label_cannot_end_its_line_or_its_quotes(void **state)
{
    metric_add(sent_to("a\"b\\c\nd\re\x01" "f\x7f"), 1);
    assert_true(is_written(SENT "{app_id=\"we\",dst_app_id=\"a\\\"b\\\\c d e f \"} 1\n"));
}

static void what_is_no_utf8_is_replaced(void **state)
{
    metric_add(sent_to("\xff" "a\xc3"), 1);
    metric_add(sent_to("\xc3\xa9\xed\xa0\x80"), 1);
    assert_true(is_written("dst_app_id=\"\xef\xbf\xbd" "a\xef\xbf\xbd\"} 1\n"));
    assert_true(is_written("dst_app_id=\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"} 1\n"));
}

static void a_flood_of_names_ends_in_one_series(void **state)
{
    char app[16];
    struct trb_metric *known = sent_to("orders");
    for (uint32_t i = 0; i < 2 * MOST_SERIES; i++) {
        snprintf(app, sizeof app, "app-%u", i);
        metric_add(sent_to(app), 1);
    }
    assert_true(series.live <= MOST_SERIES + countof(families));
    assert_ptr_equal(sent_to("one"), sent_to("another"));
    assert_ptr_equal(sent_to("orders"), known);
    assert_true(is_written(SENT "{overflow=\"true\"} "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_series_is_found_again_by_its_labels),
        cmocka_unit_test(what_was_asked_lately_is_told_apart),
        cmocka_unit_test(a_label_cannot_end_its_line_or_its_quotes),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(a_flood_of_names_ends_in_one_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
