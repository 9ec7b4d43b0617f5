/* Documents: what was set is what every loop reads once it has turned, the main loop at once. */
#include <tests/unit/kernel/config/resource_fixture.h>

#include "kernel/runtime/documents.c"

#include <pthread.h>
#include <semaphore.h>

static struct loop *loops[2];
static struct documents documents;

static void *live(void *arg)
{
    loop_run(arg);
    return NULL;
}

struct errand {
    const struct resource_list *list;      /* to be set; NULL: to be read */
    uint32_t count;
    char first[256];
    sem_t over;
};

static void run_there(void *arg)
{
    struct errand *e = arg;
    if (e->list)
        documents_set(&documents, e->list);
    e->count = documents_count(&documents);
    struct trb_slice first = documents_at(&documents, 0);
    snprintf(e->first, sizeof e->first, "%.*s", SLICE_ARG(first));
    assert_null(documents_at(&documents, e->count).at);
    sem_post(&e->over);
}

static void run_on(uint32_t loop, struct errand *e)
{
    sem_init(&e->over, 0, 0);
    loop_call(loops[loop], run_there, e);
    sem_wait(&e->over);
}

static void every_loop_reads_what_was_set_last(void **state)
{
    pthread_t threads[2];
    struct fixture one, two;
    for (uint32_t i = 0; i < 2; i++)
        loops[i] = loop_create(i, NULL);
    loop_set_all(loops, 2);
    for (uint32_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, live, loops[i]);
    fixture_begin(&one), fixture_begin(&two);
    fixture_parse(&one, STATE("a") "---\n" STATE("b"));
    fixture_parse(&two, STATE("c"));
    for (int round = 0; round < 50; round++) {
        struct errand e = {.list = &one.set->of[RESOURCE_COMPONENT]}, other = {0};
        run_on(0, &e);
        assert_int_equal(e.count, 2);
        run_on(1, &other);
        assert_int_equal(other.count, 2);
        assert_non_null(strstr(other.first, "\"name\":\"a\""));
        e.list = &two.set->of[RESOURCE_COMPONENT];
        run_on(0, &e);
        run_on(1, &other);
        assert_int_equal(other.count, 1);
        assert_non_null(strstr(other.first, "\"name\":\"c\""));
    }
    for (uint32_t i = 0; i < 2; i++)
        loop_stop(loops[i]);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < 2; i++)
        loop_destroy(loops[i]);
    documents_release(&documents);
    fixture_end(&one), fixture_end(&two);
}

static void what_was_never_set_is_nothing(void **state)
{
    struct documents none = {0};
    assert_int_equal(documents_count(&none), 0);
    documents_release(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loop_reads_what_was_set_last),
        cmocka_unit_test(what_was_never_set_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
