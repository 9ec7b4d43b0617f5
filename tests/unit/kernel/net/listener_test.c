/* A listener over two loops: it answers, shares out, drains without losing an answer, and is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/listener.c"
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#define LOOPS 2

struct house {
    struct loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    struct listener *listener;
    struct http_server_setup setup;
    sem_t arrived, done;
    struct exchange *_Atomic held;  /* the request of "/hold" */
};
static struct house *house;

static void reply(struct exchange *x)
{
    struct http_head head = {.status = 200};
    char text[16];
    int len = snprintf(text, sizeof text, "loop %u", loop_index(x->loop));
    exchange_reply(x, &head, (struct trb_data){text, (size_t)len, NULL});
    x->ops->release(x);
}

static void on_data(struct exchange *x, struct trb_data piece)
{
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
}

static void on_room(struct exchange *x)
{
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    house->held = NULL;
    x->ops->release(x);
}

static const struct exchange_events events = {on_data, on_end, on_room, on_gone};

static void on_request(void *arg, struct exchange *x)
{
    x->events = &events;
    if (!slice_is(x->request.target, SLICE("/hold"))) {
        reply(x);
        return;
    }
    house->held = x;
    sem_post(&house->arrived);
}

static void *run(void *arg)
{
    loop_run(arg);
    return NULL;
}

static int prepare(void **state)
{
    house = mem_zero(sizeof *house);
    sem_init(&house->arrived, 0, 0);
    sem_init(&house->done, 0, 0);
    for (uint32_t i = 0; i < LOOPS; i++)
        house->loops[i] = loop_create(i, NULL);
    loop_set_all(house->loops, LOOPS);
    for (uint32_t i = 0; i < LOOPS; i++)
        pthread_create(&house->threads[i], NULL, run, house->loops[i]);
    house->setup = (struct http_server_setup){.on_request = on_request, .max_head = 8192, .window = 65536,
                                              .http1 = true};
    return 0;
}

static void on_done(void *arg)
{
    sem_post(&house->done);
}

static int clean_up(void **state)
{
    listener_close(house->listener, on_done, NULL);
    sem_wait(&house->done);
    for (uint32_t i = 0; i < LOOPS; i++) {
        loop_stop(house->loops[i]);
        pthread_join(house->threads[i], NULL);
    }
    for (uint32_t i = 0; i < LOOPS; i++)
        loop_destroy(house->loops[i]);
    loop_set_all(NULL, 0);
    mem_free(house);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(listener_port(house->listener)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return connect(fd, (void *)&to, sizeof to) ? -1 : fd;
}

static void ask(int fd, const char *path)
{
    char text[128];
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

/* What comes until the marker, or the end. */
static void hear(int fd, char *ret_text, size_t room, const char *marker)
{
    size_t len = 0;
    ret_text[0] = 0;
    while (!marker || !strstr(ret_text, marker)) {
        ssize_t got = read(fd, ret_text + len, room - 1 - len);
        if (got <= 0)
            return;
        len += (size_t)got;
        ret_text[len] = 0;
    }
}

static void open_listener(void)
{
    struct trb_error err = ERROR_INIT;
    if (listener_open(SLICE("127.0.0.1"), 0, &house->setup, NULL, &house->listener, &err))
        fail_msg("%s", err.message);
}

static void answers_on_every_loop(void **state)
{
    open_listener();
    int fds[40], seen[LOOPS] = {0};
    for (size_t i = 0; i < countof(fds); i++) {
        char text[512];
        fds[i] = dial();
        ask(fds[i], "/");
        hear(fds[i], text, sizeof text, "\r\n\r\nloop ");
        seen[strstr(text, "loop 1") != NULL]++;
    }
    assert_int_equal(listener_connections(house->listener), countof(fds));
    assert_true(seen[0] && seen[1]);
    for (size_t i = 0; i < countof(fds); i++)
        close(fds[i]);
}

static void answer_held(void *arg)
{
    reply(house->held);
}

static void a_drain_waits_for_answers_and_takes_no_more(void **state)
{
    open_listener();
    char text[512];
    int idle = dial(), busy = dial();
    ask(idle, "/");
    hear(idle, text, sizeof text, "loop");
    ask(busy, "/hold");
    sem_wait(&house->arrived);
    listener_drain(house->listener, on_done, NULL);
    hear(idle, text, sizeof text, NULL);
    assert_string_equal(text, ""); /* closed at once */
    struct exchange *held = house->held;
    loop_call(held->loop, answer_held, NULL);
    hear(busy, text, sizeof text, NULL);
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "loop "));
    close(busy);
    sem_wait(&house->done);
    assert_int_equal(listener_connections(house->listener), 0);
    assert_int_equal(dial(), -1);
    close(idle);
}

static void a_close_cuts_what_a_drain_waits_for(void **state)
{
    open_listener();
    char text[512];
    int busy = dial();
    ask(busy, "/hold");
    sem_wait(&house->arrived);
    listener_drain(house->listener, on_done, NULL);
    listener_close(house->listener, on_done, NULL);
    sem_wait(&house->done);
    hear(busy, text, sizeof text, NULL);
    assert_string_equal(text, "");
    close(busy);
    open_listener();                                    /* for clean_up */
}

static void says_why_it_cannot_bind(void **state)
{
    open_listener();
    struct listener *second = NULL;
    struct trb_error err = ERROR_INIT;
    char wanted[128];
    uint16_t port = listener_port(house->listener);
    snprintf(wanted, sizeof wanted, "listen tcp 127.0.0.1:%u: bind: address already in use", port);
    assert_int_not_equal(listener_bind(SLICE("127.0.0.1"), port, &second, &err), TRB_OK);
    assert_string_equal(err.message, wanted);
    assert_null(second);
}

static void a_unix_socket_is_private_and_removed(void **state)
{
    char path[64], address[80], text[512];
    snprintf(path, sizeof path, "/tmp/trilby-listener-test-%d", (int)getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    struct trb_error err = ERROR_INIT;
    if (listener_open(slice_of(address), 0, &house->setup, NULL, &house->listener, &err))
        fail_msg("%s", err.message);
    struct stat seen;
    assert_int_equal(stat(path, &seen), 0);
    assert_int_equal(seen.st_mode & 0777, 0600);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (void *)&to, sizeof to), 0);
    ask(fd, "/");
    hear(fd, text, sizeof text, "loop");
    assert_non_null(strstr(text, "200 OK"));
    close(fd);
    listener_close(house->listener, on_done, NULL);
    sem_wait(&house->done);
    assert_int_not_equal(access(path, F_OK), 0);
    open_listener();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_on_every_loop),
        TEST(a_drain_waits_for_answers_and_takes_no_more),
        TEST(a_close_cuts_what_a_drain_waits_for),
        TEST(says_why_it_cannot_bind),
        TEST(a_unix_socket_is_private_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
