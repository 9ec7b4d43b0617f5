/* Packets of MQTT 3.1.1: as the specification writes them, cut short, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugins/common/mqtt/packet.c"
#include <base/mem.h>

static struct mqtt_packet p;

#define READ(literal) mqtt_read(SLICE(literal), &p)

static void short_packets_are_read(void **state)
{
    assert_int_equal(READ("\x20\x02\x01\x00rest"), 4);
    assert_int_equal(p.kind, MQTT_CONNACK);
    assert_true(p.has_session);
    assert_int_equal(READ("\x20\x02\x00\x05"), 4);
    assert_int_equal(p.code, 5);
    assert_int_equal(READ("\x40\x02\x12\x34"), 4);
    assert_int_equal(p.kind, MQTT_PUBACK);
    assert_int_equal(p.id, 0x1234);
    assert_int_equal(READ("\x62\x02\x00\x01"), 4);
    assert_int_equal(p.kind, MQTT_PUBREL);
    assert_int_equal(READ("\xd0\x00"), 2);
    assert_int_equal(READ("\x90\x05\x00\x07\x01\x80\x02"), 7);
    assert_int_equal(p.codes.len, 3);
    assert_int_equal((uint8_t)p.codes.at[1], MQTT_REFUSED);
    assert_int_equal(READ("\xb0\x02\x00\x07"), 4);
}

static void a_publish_is_read(void **state)
{
    assert_int_equal(READ("\x3b\x0a\x00\x03" "a/b" "\x00\x0a" "xyz"), 12);
    assert_true(p.is_dup && p.is_retained);
    assert_int_equal(p.qos, 1);
    assert_int_equal(p.id, 10);
    assert_true(slice_is(p.topic, SLICE("a/b")));
    assert_true(slice_is(p.payload, SLICE("xyz")));
    assert_int_equal(READ("\x30\x03\x00\x01t"), 5);
    assert_int_equal(p.payload.len, 0);
    assert_int_equal(p.id, 0);
}

static void every_prefix_asks_for_more(void **state)
{
    static const char all[] = "\x32\x82\x01\x00\x01t\x00\x01";
    char packet[133] = {0};
    memcpy(packet, all, sizeof all - 1);
    for (size_t len = 0; len < sizeof packet; len++)
        assert_int_equal(mqtt_read(slice_from(packet, len), &p), MQTT_MORE);
    assert_int_equal(mqtt_read(slice_from(packet, sizeof packet), &p), sizeof packet);
    assert_int_equal(p.payload.len, 125);
}

static void what_a_server_may_not_send_is_broken(void **state)
{
    const struct trb_slice all[] = {
        SLICE("\x10\x00"), SLICE("\x82\x00"), SLICE("\xa2\x00"), SLICE("\xc0\x00"), SLICE("\xe0\x00"), SLICE("\xf0\x00"),
        SLICE("\x00\x00"),                                      /* kinds */
        SLICE("\x20\x03"), SLICE("\x20\x02\x02\x00"), SLICE("\x20\x02\x01\x05"), SLICE("\x21\x02\x00\x00"),
        SLICE("\x40\x02\x00\x00"), SLICE("\x40\x03"), SLICE("\x41\x02\x00\x01"), SLICE("\x60\x02\x00\x01"),
        SLICE("\xd0\x01"), SLICE("\x90\x02"), SLICE("\x90\x03\x00\x01\x03"),
        SLICE("\x36\x06\x00\x01t\x00\x01x"),                    /* QoS 3 */
        SLICE("\x38\x03\x00\x01t"),                             /* again, and at most once */
        SLICE("\x30\x03\x00\x02t"),                             /* a topic longer than the packet */
        SLICE("\x30\x03\x00\x00t"),                             /* no topic */
        SLICE("\x30\x03\x00\x01+"), SLICE("\x30\x03\x00\x01#"), SLICE("\x30\x03\x00\x01\xff"), SLICE("\x30\x03\x00\x01\x00"),
        SLICE("\x32\x05\x00\x01t\x00\x00"), SLICE("\x32\x04\x00\x01t\x00"),  /* an id that is none, half an id */
        SLICE("\x30\xff\xff\xff\xff"), SLICE("\x30\x83\x00")};  /* a length without an end, and one too long for itself */
    for (size_t i = 0; i < countof(all); i++)
        if (mqtt_read(all[i], &p) != MQTT_BROKEN)
            fail_msg("packet %zu is not broken", i);
}

static void assert_bytes(struct text *t, struct trb_slice wanted)
{
    assert_int_equal(t->len, wanted.len);
    assert_memory_equal(t->at, wanted.at, wanted.len);
    text_fini(t);
}

static void connect_says_who_and_how(void **state)
{
    struct text t = {0};
    struct mqtt_connect c = {.client_id = SLICE("appB"), .keep_alive_s = 30};
    mqtt_add_connect(&t, &c);
    assert_bytes(&t, SLICE("\x10\x10\x00\x04MQTT\x04\x00\x00\x1e\x00\x04" "appB"));
    c = (struct mqtt_connect){.client_id = SLICE("a"), .user = SLICE("u"), .password = SLICE(""), .keep_alive_s = 300, .is_clean = true};
    mqtt_add_connect(&t, &c);
    assert_bytes(&t, SLICE("\x10\x12\x00\x04MQTT\x04\xc2\x01\x2c\x00\x01" "a\x00\x01u\x00\x00"));
}

static void filters_are_collected(void **state)
{
    struct mqtt_filters f;
    struct text t = {0};
    mqtt_filters_begin(&f, MQTT_SUBSCRIBE, 10);
    mqtt_filters_add(&f, SLICE("a/b"), 1);
    mqtt_filters_add(&f, SLICE("c/d"), 2);
    mqtt_filters_end(&f, &t);
    assert_bytes(&t, SLICE("\x82\x0e\x00\x0a\x00\x03" "a/b\x01\x00\x03" "c/d\x02"));
    mqtt_filters_begin(&f, MQTT_UNSUBSCRIBE, 11);
    mqtt_filters_add(&f, SLICE("#"), 0);
    mqtt_filters_end(&f, &t);
    assert_bytes(&t, SLICE("\xa2\x05\x00\x0b\x00\x01#"));
}

static void what_is_written_is_read_back(void **state)
{
    const size_t sizes[] = {0, 1, 120, 121, 122, 127, 128, 16370, 16380, 2097152};
    for (size_t i = 0; i < countof(sizes); i++) {
        struct mqtt_packet out = {.qos = 1, .id = 77, .is_dup = true, .topic = SLICE("a/b")};
        char *bytes = mem_zero(MQTT_PUBLISH_HEAD + 3 + sizes[i]);
        size_t len = mqtt_write_publish(bytes, &out, sizes[i]);
        assert_true(len <= MQTT_PUBLISH_HEAD + 3);
        assert_int_equal(mqtt_read(slice_from(bytes, len + sizes[i]), &p), len + sizes[i]);
        assert_true(p.is_dup && p.id == 77 && p.qos == 1 && !p.is_retained && p.payload.len == sizes[i]);
        mem_free(bytes);
    }
}

static void short_packets_are_written(void **state)
{
    char to[MQTT_SHORT];
    assert_int_equal(mqtt_write_short(to, MQTT_PUBREL, 0x102), 4);
    assert_memory_equal(to, "\x62\x02\x01\x02", 4);
    assert_int_equal(mqtt_write_short(to, MQTT_PUBACK, 1), 4);
    assert_memory_equal(to, "\x40\x02\x00\x01", 4);
    assert_int_equal(mqtt_write_short(to, MQTT_PINGREQ, 0), 2);
    assert_memory_equal(to, "\xc0\x00", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_packets_are_read),
        cmocka_unit_test(a_publish_is_read),
        cmocka_unit_test(every_prefix_asks_for_more),
        cmocka_unit_test(what_a_server_may_not_send_is_broken),
        cmocka_unit_test(connect_says_who_and_how),
        cmocka_unit_test(filters_are_collected),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(short_packets_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
