/* pubsub.mqtt3 as the kernel drives it: against a real broker that is also killed and started again, and against one that
 * says and expects just the bytes of the test. */
#include "pubsub_driver.h"
#include "../mosquitto_server.h"
#include <setjmp.h>
#include <cmocka.h>

#define SOON (10 * CLOCK_S)
#define NOT (150 * CLOCK_MS)                /* how long nothing may come */

static struct mosquitto server;
static int names;
static char topic_room[32], id_room[32];

static struct instance *open_bus(const char *url, const char *const *more)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[16] = {"url", url};
    for (size_t n = 0; more && more[n]; n++)
        pairs[2 + n] = more[n];
    struct instance *i = driver_component(&block, "pubsub.mqtt3", pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

#define WITH(...) (const char *[]){__VA_ARGS__, NULL}

/* Each test has a session and a topic of its own: the broker outlives it. */
static int up(void **state)
{
    names++;
    snprintf(topic_room, sizeof topic_room, "t%d", names);
    snprintf(id_room, sizeof id_room, "id%d", names);
    bus = open_bus(server.url, WITH("consumerID", id_room));
    return !bus;
}

static int down(void **state)
{
    hush_all();
    driver_retire(bus);
    bus = NULL;
    return 0;
}

static void open_again(const char *const *more)
{
    driver_retire(bus);
    bus = open_bus(server.url, more);
    assert_non_null(bus);
}

static const char *topic(const char *below)
{
    static char rooms[8][64];
    static int n;
    char *room = rooms[n++ % 8];
    snprintf(room, 64, "%s%s", topic_room, below);
    return room;
}

/* ------------------------------------------------------------------------------------ a real one */
static void a_message_arrives_with_its_topic_and_whether_it_was_kept(void **state)
{
    struct trb_pair keep[] = {{NAME("retain"), NAME("true")}};
    struct listener *l = listen_on(bus, topic("/a"), 0, TRB_ACK);
    assert_int_equal(publish(topic("/a"), "hello"), TRB_OK);
    struct heard *h = hear(l, SOON);
    assert_string_equal(h->text, "hello");
    assert_string_equal(h->metadata, "retained=false");
    assert_int_equal(publish_with(topic("/kept"), "k", keep, 1, NULL), TRB_OK);
    struct listener *late = listen_on(bus, topic("/kept"), 0, TRB_ACK);
    h = hear(late, SOON);
    assert_string_equal(h->text, "k");
    assert_string_equal(h->metadata, "retained=true");
    publish_with(topic("/kept"), "", keep, 1, NULL);
    hush(late);
    hush(l);
}

static void each_quality_of_service_works(void **state)
{
    for (int qos = 0; qos < 3; qos++) {
        open_again(WITH("consumerID", id_room, "qos", ((const char *[]){"0", "1", "2"})[qos]));
        struct listener *l = listen_on(bus, topic("/q"), 0, TRB_ACK);
        for (int n = 0; n < 100; n++)
            assert_int_equal(publish(topic("/q"), "x"), TRB_OK);
        for (int n = 0; n < 100; n++)
            assert_non_null(hear(l, SOON));
        assert_null(hear(l, NOT));
        hush(l);
    }
}

static void a_hundred_at_once_in_a_bulk(void **state)
{
    struct trb_pubsub_entry entries[100];
    struct listener *l = listen_on(bus, topic(""), 0, TRB_ACK);
    for (int n = 0; n < 100; n++)
        entries[n] = (struct trb_pubsub_entry){.size = sizeof *entries, .id = NAME("1"), .data = {"a", 1, NULL}};
    struct trb_pair bad[] = {{NAME("retain"), NAME("perhaps")}};
    entries[7].metadata = (struct trb_pairs){bad, 1, sizeof *bad};
    struct trb_pubsub_bulk_publish q = {.size = sizeof q, .topic = name_of(topic("")), .entries = {entries, 100, sizeof *entries}};
    struct asked a = {.instance = bus, .verb = verb("bulk_publish"), .question = &q};
    driver_ask(&a);
    assert_null(call_failure(a.call));
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(call_item_at(a.call, n)->failure != NULL, n == 7);
    driver_release(&a);
    for (int n = 0; n < 99; n++)
        assert_non_null(hear(l, SOON));
    assert_null(hear(l, NOT));
    hush(l);
}

static void the_most_exact_of_several_listeners_gets_a_message(void **state)
{
    struct listener *all = listen_on(bus, topic("/#"), 0, TRB_ACK), *one = listen_on(bus, topic("/a"), 0, TRB_ACK),
                    *level = listen_on(bus, topic("/b/+"), 1, TRB_ACK);
    publish(topic("/a"), "for one");
    publish(topic("/b/c/d"), "for all");
    assert_string_equal(hear(one, SOON)->text, "for one");
    assert_string_equal(hear(all, SOON)->text, "for all");
    assert_null(hear(all, NOT));
    assert_null(hear(level, NOT));
    hush(all);
    hush(one);
    hush(level);
}

static void who_shares_gets_a_part(void **state)
{
    char filter[64];
    snprintf(filter, sizeof filter, "$share/g/%s/+", topic_room);
    struct instance *other = open_bus(server.url, WITH("consumerID", topic_room));
    struct listener *a = listen_on(bus, filter, 0, TRB_ACK), *b = listen_on(other, filter, 0, TRB_ACK);
    for (int n = 0; n < 40; n++)
        publish(topic("/x"), "x");
    uint64_t end = clock_now_ns() + SOON;
    while (a->count + b->count < 40 && clock_now_ns() < end)
        poll(NULL, 0, 5);
    assert_null(hear(a, 0) && a->count + b->count > 40 ? a : NULL);
    assert_int_equal(a->count + b->count, 40);
    assert_true(a->count && b->count);
    hush(a);
    hush(b);
    driver_retire(other);
}

static void a_failed_message_comes_again_on_the_next_connection(void **state)
{
    struct listener *l = listen_on(bus, topic(""), 0, 0);
    publish(topic(""), "failed");
    publish(topic(""), "good");
    settle(l, hear(l, SOON), TRB_RETRY);
    settle(l, hear(l, SOON), TRB_ACK);
    assert_null(hear(l, NOT));
    hush(l);
    open_again(WITH("consumerID", id_room));
    l = listen_on(bus, topic(""), 0, TRB_ACK);
    assert_string_equal(hear(l, SOON)->text, "failed");
    assert_null(hear(l, NOT));
    hush(l);
}

static void a_failed_message_comes_again_in_time(void **state)
{
    open_again(WITH("consumerID", id_room, "redeliverInterval", "200ms"));
    struct listener *l = listen_on(bus, topic(""), 0, 0);
    publish(topic(""), "failed");
    publish(topic(""), "slow");
    settle(l, hear(l, SOON), TRB_RETRY);
    struct heard *slow = hear(l, SOON), *again = hear(l, SOON);
    assert_string_equal(slow->text, "slow");
    assert_string_equal(again->text, "failed");
    settle(l, again, TRB_ACK);
    settle(l, slow, TRB_ACK);
    assert_null(hear(l, 3 * NOT));
    hush(l);
    open_again(WITH("consumerID", id_room));
    l = listen_on(bus, topic(""), 0, TRB_ACK);
    assert_null(hear(l, NOT));
    hush(l);
}

static void what_came_while_nobody_was_there_is_not_lost(void **state)
{
    char text[8];
    hush(listen_on(bus, topic(""), 0, TRB_ACK));
    struct instance *other = open_bus(server.url, WITH("consumerID", topic_room));
    driver_retire(bus);
    bus = other;
    for (int n = 0; n < 50; n++) {
        snprintf(text, sizeof text, "%u", (unsigned)n % 1000);
        publish(topic(""), text);
    }
    open_again(WITH("consumerID", id_room));
    assert_int_equal(publish(topic("/other"), "a round trip"), TRB_OK);
    struct listener *l = listen_on(bus, topic(""), 0, TRB_ACK);
    for (int n = 0; n < 50; n++) {
        snprintf(text, sizeof text, "%u", (unsigned)n % 1000);
        assert_string_equal(hear(l, SOON)->text, text);
    }
    assert_null(hear(l, NOT));
    hush(l);
}

static void what_was_held_is_for_the_next_listener(void **state)
{
    struct listener *l = listen_on(bus, topic(""), 0, 0);
    publish(topic(""), "held");
    struct heard *h = hear(l, SOON);
    loop_call(loop_at(0), close_here, l);
    settle(l, h, TRB_HELD);
    listener_free(l);
    publish(topic(""), "meanwhile");
    l = listen_on(bus, topic(""), 0, TRB_ACK);
    assert_string_equal(hear(l, SOON)->text, "held");
    assert_string_equal(hear(l, SOON)->text, "meanwhile");
    assert_null(hear(l, NOT));
    hush(l);
}

static void a_clean_session_forgets(void **state)
{
    open_again(WITH("consumerID", id_room, "cleanSession", "true"));
    hush(listen_on(bus, topic(""), 0, TRB_ACK));
    struct listener *l = listen_on(bus, topic("/b"), 0, 0);
    publish(topic("/b"), "failed");
    settle(l, hear(l, SOON), TRB_RETRY);
    hush(l);
    open_again(WITH("consumerID", id_room, "cleanSession", "true"));
    l = listen_on(bus, topic("/b"), 0, TRB_ACK);
    assert_null(hear(l, NOT));
    hush(l);
}

/* Sent now, answered later. */
struct going {
    struct asked asked;
    struct trb_pubsub_publish q;
};

static struct going *go_to(const char *to, const char *text)
{
    struct going *g = mem_zero(sizeof *g);
    g->q = (struct trb_pubsub_publish){.size = sizeof g->q, .topic = name_of(to), .data = {text, strlen(text), NULL}};
    g->asked = (struct asked){.instance = bus, .verb = verb("publish"), .question = &g->q};
    driver_send(&g->asked, 0);
    return g;
}

static trb_code came_to(struct going *g)
{
    driver_wait(&g->asked);
    const struct trb_error *err = call_failure(g->asked.call);
    trb_code code = err ? err->code : TRB_OK;
    driver_release(&g->asked);
    mem_free(g);
    return code;
}

static void a_publication_waits_for_a_broker_that_comes_back(void **state)
{
    struct listener *l = listen_on(bus, topic(""), 0, TRB_ACK);
    mosquitto_kill(&server);
    struct going *g = go_to(topic(""), "waited");
    mosquitto_run(&server);
    assert_int_equal(came_to(g), TRB_OK);
    assert_string_equal(hear(l, SOON)->text, "waited");
    hush(l);
}

static void many_messages_all_arrive_while_the_broker_is_killed(void **state)
{
    enum { COUNT = 1500 };
    struct listener *l = listen_on(bus, topic(""), 1, TRB_ACK);
    char text[16];
    for (int n = 0; n < COUNT; n++) {
        snprintf(text, sizeof text, "%d", n);
        assert_int_equal(publish(topic(""), text), TRB_OK);
        if (n % 500 == 250) {
            while (l->count < (uint32_t)n)      /* what the broker had not yet written would be its loss */
                poll(NULL, 0, 1);
            mosquitto_kill(&server);
            mosquitto_run(&server);
        }
    }
    char *seen = mem_zero(COUNT);
    int missing = COUNT;
    while (missing) {
        struct heard *h = hear(l, SOON);
        assert_non_null(h);
        int n = atoi(h->text);
        missing -= !seen[n];
        seen[n] = 1;
    }
    mem_free(seen);
    hush(l);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct trb_error err;
    struct trb_pair bad[] = {{NAME("retain"), NAME("yes")}};
    assert_int_equal(publish_with(topic("/+"), "x", NULL, 0, &err), TRB_PRECONDITION);
    assert_int_equal(publish_with("", "x", NULL, 0, &err), TRB_PRECONDITION);
    assert_int_equal(publish_with(topic(""), "x", bad, 1, &err), TRB_PRECONDITION);
    assert_non_null(strstr(err.message, "'retain': 'yes'"));
    struct listener *l = listen_on(bus, "a#", 0, TRB_ACK);
    assert_int_equal(l->failure.code, TRB_INVALID);
    listener_free(l);
    l = listen_on(bus, topic(""), 0, TRB_ACK);
    struct listener *twice = listen_on(bus, topic(""), 0, TRB_ACK);
    assert_int_equal(twice->failure.code, TRB_EXISTS);
    listener_free(twice);
    hush(l);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    struct trb_error err = ERROR_INIT;
    const char *nobody[] = {"url", "mqtt://127.0.0.1:1", NULL}, *plain[] = {"url", "ssl://127.0.0.1:1", "caCert", "/a", NULL},
               *qos[] = {"url", server.url, "qos", "3", NULL};
    assert_null(driver_component(&block, "pubsub.mqtt3", nobody, &err));
    assert_non_null(strstr(err.message, "connection refused"));
    assert_null(driver_component(&block, "pubsub.mqtt3", plain, &err));
    assert_non_null(strstr(err.message, "caCert: expects PEM"));
    assert_null(driver_component(&block, "pubsub.mqtt3", qos, &err));
    assert_non_null(strstr(err.message, "qos"));
}

/* --------------------------------------------------------------------------------- byte for byte */
static struct peer peer;

/* A failure is printed at once: what was asked of us and is not answered keeps the teardown waiting. */
static void hears(const char *wanted, size_t len)
{
    char heard[256];
    size_t got = peer_hear(&peer, heard, len);
    if (got == len && !memcmp(heard, wanted, len))
        return;
    fprintf(stderr, "heard:");
    for (size_t n = 0; n < got; n++)
        fprintf(stderr, " %02x", (uint8_t)heard[n]);
    fprintf(stderr, "\n");
    fail();
}

#define SAYS(literal) peer_say(&peer, literal, sizeof(literal) - 1)
#define HEARS(literal) hears(literal, sizeof(literal) - 1)
#define HELLO "\x10\x0d\x00\x04MQTT\x04\x00\x00\x1e\x00\x01" "c"

static void *open_at_peer(void *more)
{
    bus = open_bus(peer.url, more);
    return NULL;
}

static void meet(const char *const *more)
{
    pthread_t thread;
    pthread_create(&thread, NULL, open_at_peer, (void *)(uintptr_t)more);
    peer_accept(&peer);
    HEARS(HELLO);
    SAYS("\x20\x02\x00\x00");
    pthread_join(thread, NULL);
    assert_non_null(bus);
}

static void greet_again(const char *session)
{
    HEARS(HELLO);
    peer_say(&peer, session, 4);
}

static void meet_again(const char *session)
{
    peer_accept(&peer);
    greet_again(session);
}
#define PRESENT "\x20\x02\x01\x00"
#define ABSENT "\x20\x02\x00\x00"

static int peer_up(void **state)
{
    peer_open(&peer);
    return 0;
}

static int peer_down(void **state)
{
    driver_retire(bus);
    bus = NULL;
    close(peer.fd);
    close(peer.door);
    return 0;
}

static struct going *go(const char *text)
{
    return go_to("t", text);
}

static struct listener *heard_by;

static void *listen_at_peer(void *unused)
{
    heard_by = listen_on(bus, "t", 0, 0);
    return NULL;
}

static struct listener *listen_to_peer(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, listen_at_peer, NULL);
    HEARS("\x82\x06\x00\x01\x00\x01t\x01");
    SAYS("\x90\x03\x00\x01\x01");
    pthread_join(thread, NULL);
    return heard_by;
}

static void many_are_under_way_and_confirmed_in_any_order(void **state)
{
    meet(WITH("consumerID", "c"));
    struct going *a = go("a"), *b = go("b");
    HEARS("\x32\x06\x00\x01t\x00\x01" "a\x32\x06\x00\x01t\x00\x02" "b");
    SAYS("\x40\x02\x00\x02");
    assert_int_equal(came_to(b), TRB_OK);
    SAYS("\x40\x02\x00\x09\x40\x02\x00\x01");
    assert_int_equal(came_to(a), TRB_OK);
}

static void what_was_not_confirmed_is_sent_again_and_says_so(void **state)
{
    meet(WITH("consumerID", "c"));
    struct going *a = go("a"), *b = go("b");
    HEARS("\x32\x06\x00\x01t\x00\x01" "a\x32\x06\x00\x01t\x00\x02" "b");
    SAYS("\x40\x02\x00\x01");
    assert_int_equal(came_to(a), TRB_OK);
    close(peer.fd);
    meet_again(PRESENT);
    HEARS("\x3a\x06\x00\x01t\x00\x02" "b");
    SAYS("\x40\x02\x00\x02");
    assert_int_equal(came_to(b), TRB_OK);
}

static void exactly_once_goes_on_where_it_was(void **state)
{
    meet(WITH("consumerID", "c", "qos", "2"));
    struct going *a = go("a"), *b = go("b");
    HEARS("\x34\x06\x00\x01t\x00\x01" "a\x34\x06\x00\x01t\x00\x02" "b");
    SAYS("\x50\x02\x00\x01");
    HEARS("\x62\x02\x00\x01");
    close(peer.fd);
    meet_again(PRESENT);
    HEARS("\x62\x02\x00\x01\x3c\x06\x00\x01t\x00\x02" "b");
    SAYS("\x70\x02\x00\x01\x50\x02\x00\x02");
    HEARS("\x62\x02\x00\x02");
    SAYS("\x70\x02\x00\x02");
    assert_int_equal(came_to(a), TRB_OK);
    assert_int_equal(came_to(b), TRB_OK);
}

static void without_a_session_what_was_under_way_fails(void **state)
{
    pthread_t thread;
    pthread_create(&thread, NULL, open_at_peer, WITH("consumerID", "c", "cleanSession", "true"));
    peer_accept(&peer);
    HEARS("\x10\x0d\x00\x04MQTT\x04\x02\x00\x1e\x00\x01" "c");
    SAYS(ABSENT);
    pthread_join(thread, NULL);
    struct going *a = go("a");
    HEARS("\x32\x06\x00\x01t\x00\x01" "a");
    close(peer.fd);
    assert_int_equal(came_to(a), TRB_UNAVAILABLE);
    peer_accept(&peer);
    HEARS("\x10\x0d\x00\x04MQTT\x04\x02\x00\x1e\x00\x01" "c");
    SAYS(ABSENT);
    assert_true(peer_is_silent(&peer, 100));
}

static void an_acknowledgement_waits_for_the_handler(void **state)
{
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    SAYS("\x32\x06\x00\x01t\x00\x07x\x32\x06\x00\x01t\x00\x08y\x32\x06\x00\x01t\x00\x09z");
    struct heard *x = hear(l, SOON), *y = hear(l, SOON), *z = hear(l, SOON);
    assert_true(peer_is_silent(&peer, 100));
    settle(l, y, TRB_ACK);
    HEARS("\x40\x02\x00\x08");
    settle(l, x, TRB_RETRY);
    settle(l, z, TRB_DROP);
    HEARS("\x40\x02\x00\x09");
    assert_true(peer_is_silent(&peer, 100));
    hush(l);
}

static void what_was_refused_comes_again_on_the_same_connection(void **state)
{
    meet(WITH("consumerID", "c", "redeliverInterval", "200ms"));
    struct listener *l = listen_to_peer();
    SAYS("\x32\x06\x00\x01t\x00\x07x\x32\x06\x00\x01t\x00\x08y");
    settle(l, hear(l, SOON), TRB_RETRY);
    settle(l, hear(l, SOON), TRB_RETRY);
    struct heard *x = hear(l, SOON), *y = hear(l, SOON);
    assert_string_equal(x->text, "x");
    assert_string_equal(y->text, "y");
    settle(l, y, TRB_ACK);
    HEARS("\x40\x02\x00\x08");
    settle(l, x, TRB_RETRY);
    close(peer.fd);
    meet_again(PRESENT);
    HEARS("\x82\x06\x00\x02\x00\x01t\x01");
    SAYS("\x90\x03\x00\x02\x01\x3a\x06\x00\x01t\x00\x07x");
    settle(l, hear(l, SOON), TRB_ACK);
    HEARS("\x40\x02\x00\x07");
    assert_null(hear(l, 3 * NOT));
    hush(l);
}

static void a_handler_outlives_the_connection(void **state)
{
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    SAYS("\x32\x06\x00\x01t\x00\x07x\x32\x06\x00\x01t\x00\x08y\x32\x06\x00\x01t\x00\x09z");
    struct heard *x = hear(l, SOON), *y = hear(l, SOON), *z = hear(l, SOON);
    close(peer.fd);
    peer_accept(&peer);             /* it knows that the first connection is gone */
    settle(l, x, TRB_ACK);
    settle(l, z, TRB_RETRY);
    greet_again(PRESENT);
    HEARS("\x82\x06\x00\x02\x00\x01t\x01");
    SAYS("\x90\x03\x00\x02\x01\x3a\x06\x00\x01t\x00\x07x\x3a\x06\x00\x01t\x00\x08y\x3a\x06\x00\x01t\x00\x09z");
    HEARS("\x40\x02\x00\x07");
    struct heard *again = hear(l, SOON);
    assert_string_equal(again->text, "z");
    settle(l, again, TRB_ACK);
    HEARS("\x40\x02\x00\x09");
    settle(l, y, TRB_ACK);
    HEARS("\x40\x02\x00\x08");
    assert_null(hear(l, NOT));
    hush(l);
}

static void an_id_that_means_another_message_is_not_mixed_up(void **state)
{
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    SAYS("\x32\x06\x00\x01t\x00\x07x");
    struct heard *x = hear(l, SOON);
    close(peer.fd);
    meet_again(ABSENT);
    HEARS("\x82\x06\x00\x02\x00\x01t\x01");
    SAYS("\x90\x03\x00\x02\x01\x32\x06\x00\x01t\x00\x07y");
    struct heard *y = hear(l, SOON);
    settle(l, x, TRB_ACK);
    assert_true(peer_is_silent(&peer, 100));
    settle(l, y, TRB_ACK);
    HEARS("\x40\x02\x00\x07");
    hush(l);
}

static void exactly_once_arrives_once(void **state)
{
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    SAYS("\x34\x06\x00\x01t\x00\x07x");
    settle(l, hear(l, SOON), TRB_ACK);
    HEARS("\x50\x02\x00\x07");
    close(peer.fd);
    meet_again(PRESENT);
    HEARS("\x82\x06\x00\x02\x00\x01t\x01");
    SAYS("\x90\x03\x00\x02\x01\x3c\x06\x00\x01t\x00\x07x");
    HEARS("\x50\x02\x00\x07");
    SAYS("\x62\x02\x00\x07");
    HEARS("\x70\x02\x00\x07");
    assert_null(hear(l, NOT));
    hush(l);
}

static void a_refused_subscription_fails(void **state)
{
    meet(WITH("consumerID", "c"));
    pthread_t thread;
    pthread_create(&thread, NULL, listen_at_peer, NULL);
    HEARS("\x82\x06\x00\x01\x00\x01t\x01");
    SAYS("\x90\x03\x00\x01\x80");
    pthread_join(thread, NULL);
    assert_int_equal(heard_by->failure.code, TRB_DENIED);
    listener_free(heard_by);
}

static void what_is_not_mqtt_ends_the_connection(void **state)
{
    meet(WITH("consumerID", "c"));
    SAYS("HTTP/1.1 400 Bad Request\r\n");
    meet_again(PRESENT);
    SAYS("\x20\x02\x00\x00");
    meet_again(PRESENT);
    struct going *a = go("a");
    HEARS("\x32\x06\x00\x01t\x00\x01" "a");
    SAYS("\x40\x02\x00\x01");
    assert_int_equal(came_to(a), TRB_OK);
}

/* More than the queues hold: reading stops, and goes on with what had already come. */
static void a_flood_waits_and_arrives_whole(void **state)
{
    enum { COUNT = 14000 };
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    for (int n = 0; n < COUNT; n++)
        SAYS("\x30\x04\x00\x01tx");
    for (int n = 0; n < COUNT; n++) {
        struct heard *h = hear(l, SOON);
        assert_non_null(h);
        settle(l, h, TRB_ACK);
    }
    assert_null(hear(l, NOT));
    hush(l);
}

static void the_end_is_a_goodbye(void **state)
{
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    hush(l);
    driver_retire(bus);
    bus = NULL;
    HEARS("\xe0\x00");
    meet(WITH("consumerID", "c"));
}

static void a_refusal_is_told(void **state)
{
    static const struct {
        const char *bytes, *word;
    } all[] = {{"\x20\x02\x00\x01", "MQTT 3.1.1"}, {"\x20\x02\x00\x02", "client id"}, {"\x20\x02\x00\x03", "not available"},
               {"\x20\x02\x00\x04", "password"}, {"\x20\x02\x00\x05", "not authorized"}};
    for (size_t n = 0; n < 5; n++) {
        pid_t child = fork();
        if (!child) {
            peer_accept(&peer);
            HEARS(HELLO);
            peer_say(&peer, all[n].bytes, 4);
            _exit(0);
        }
        struct trb_error err = ERROR_INIT;
        const char *pairs[] = {"url", peer.url, "consumerID", "c", NULL};
        assert_null(driver_component(&block, "pubsub.mqtt3", pairs, &err));
        assert_non_null(strstr(err.message, all[n].word));
        waitpid(child, NULL, 0);
    }
    meet(WITH("consumerID", "c"));
}

/* ----------------------------------------------------------------------------- handing over */
#define NEXT "\x10\x12\x00\x04MQTT\x04\x02\x00\x1e\x00\x06" "c-next"
#define GOODBYE "\xe0\x00"

static pthread_t start_successor(void)
{
    static const char *more[] = {"consumerID", "c", NULL};
    pthread_t thread;
    driver_succeeds = true;
    pthread_create(&thread, NULL, open_at_peer, more);
    peer_accept(&peer);
    HEARS(NEXT);
    return thread;
}

static void hears_the_end(void)
{
    char more;
    assert_int_equal(peer_hear(&peer, &more, 1), 0);
    close(peer.fd);
}

static void a_successor_comes_in_under_another_name_until_it_is_used(void **state)
{
    pthread_t thread = start_successor();
    SAYS(ABSENT);
    pthread_join(thread, NULL);
    assert_non_null(bus);
    HEARS(GOODBYE);
    hears_the_end();
    struct pollfd door = {.fd = peer.door, .events = POLLIN};
    assert_int_equal(poll(&door, 1, NOT / CLOCK_MS), 0);
    struct going *a = go("a");
    meet_again(PRESENT);
    HEARS("\x32\x06\x00\x01t\x00\x01" "a");
    SAYS("\x40\x02\x00\x01");
    assert_int_equal(came_to(a), TRB_OK);
}

static void one_that_no_other_name_is_admitted_for_comes_with_its_own(void **state)
{
    pthread_t thread = start_successor();
    SAYS("\x20\x02\x00\x05");
    hears_the_end();
    meet_again(PRESENT);
    pthread_join(thread, NULL);
    assert_non_null(bus);
}

static void nor_does_one_whose_other_name_is_hung_up_on_stay_away(void **state)
{
    pthread_t thread = start_successor();
    close(peer.fd);
    meet_again(PRESENT);
    pthread_join(thread, NULL);
    assert_non_null(bus);
}

static struct asked handing_over(void)
{
    static const struct trb_field field = {.name = "kept", .kind = TRB_FIELD_DATA};
    static const struct trb_layout layout = {.name = "kept", .size = sizeof(struct trb_data), .fields = &field, .field_count = 1};
    return (struct asked){.instance = bus, .function = bus->component->hand_over, .layout = &layout};
}

static void what_is_handed_over_is_the_brokers_once_it_has_read_the_goodbye(void **state)
{
    meet(WITH("consumerID", "c"));
    struct listener *l = listen_to_peer();
    SAYS("\x32\x06\x00\x01t\x00\x07" "x");
    settle(l, hear(l, SOON), TRB_ACK);
    hush(l);
    SAYS("\x32\x06\x00\x01t\x00\x08" "y");                   /* nobody reads it any more */
    struct asked a = handing_over();
    driver_send(&a, 0);
    HEARS("\x40\x02\x00\x07" GOODBYE);
    SAYS("\x32\x06\x00\x01t\x00\x09" "z");
    assert_int_equal(sem_trywait(a.waiting), -1);
    close(peer.fd);
    driver_wait(&a);
    const struct trb_data *kept = call_answer(a.call);
    assert_non_null(kept->at);
    driver_release(&a);
}

static void one_that_stays_after_all_takes_the_session_back(void **state)
{
    meet(WITH("consumerID", "c"));
    struct asked a = handing_over();
    driver_send(&a, 0);
    HEARS(GOODBYE);
    close(peer.fd);
    driver_wait(&a);
    driver_release(&a);
    struct going *b = go("b");
    meet_again(PRESENT);
    HEARS("\x32\x06\x00\x01t\x00\x01" "b");
    SAYS("\x40\x02\x00\x01");
    assert_int_equal(came_to(b), TRB_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)
#define PEER(name) cmocka_unit_test_setup_teardown(name, peer_up, peer_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_arrives_with_its_topic_and_whether_it_was_kept),
        CASE(each_quality_of_service_works),
        CASE(a_hundred_at_once_in_a_bulk),
        CASE(the_most_exact_of_several_listeners_gets_a_message),
        CASE(who_shares_gets_a_part),
        CASE(a_failed_message_comes_again_on_the_next_connection),
        CASE(a_failed_message_comes_again_in_time),
        CASE(what_came_while_nobody_was_there_is_not_lost),
        CASE(what_was_held_is_for_the_next_listener),
        CASE(a_clean_session_forgets),
        CASE(a_publication_waits_for_a_broker_that_comes_back),
        CASE(many_messages_all_arrive_while_the_broker_is_killed),
        CASE(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_start_that_cannot_succeed_says_why),
        PEER(many_are_under_way_and_confirmed_in_any_order),
        PEER(what_was_not_confirmed_is_sent_again_and_says_so),
        PEER(exactly_once_goes_on_where_it_was),
        PEER(without_a_session_what_was_under_way_fails),
        PEER(an_acknowledgement_waits_for_the_handler),
        PEER(what_was_refused_comes_again_on_the_same_connection),
        PEER(a_handler_outlives_the_connection),
        PEER(an_id_that_means_another_message_is_not_mixed_up),
        PEER(exactly_once_arrives_once),
        PEER(a_refused_subscription_fails),
        PEER(what_is_not_mqtt_ends_the_connection),
        PEER(a_flood_waits_and_arrives_whole),
        PEER(the_end_is_a_goodbye),
        PEER(a_refusal_is_told),
        PEER(a_successor_comes_in_under_another_name_until_it_is_used),
        PEER(one_that_no_other_name_is_admitted_for_comes_with_its_own),
        PEER(nor_does_one_whose_other_name_is_hung_up_on_stay_away),
        PEER(what_is_handed_over_is_the_brokers_once_it_has_read_the_goodbye),
        PEER(one_that_stays_after_all_takes_the_session_back),
    };
    mosquitto_start(&server);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    mosquitto_end(&server);
    return failed;
}
