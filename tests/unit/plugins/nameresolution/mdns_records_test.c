/* records: our bytes are those of the contract, and others' are believed only when they are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "plugins/nameresolution/mdns/dns.c"
#include "plugins/nameresolution/mdns/dns_write.c"
#undef HEADER
#include "plugins/nameresolution/mdns/records.c"

static struct dns_writer w;
static struct identity me;

static int make_identity(void **state)
{
    const char *why = identity_make((struct trb_slice){"mdapp1", 6}, "vm", 20808, "10.99.0.1", 24702, &me);
    return why != NULL;
}

static size_t unhex(const char *hex, uint8_t *to)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2)
        to[n++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
    return n;
}

static void expect_bytes(struct trb_slice is, const char *hex)
{
    char text[2048] = "";
    for (size_t i = 0; i < is.len; i++)
        snprintf(text + 2 * i, 3, "%02x", (uint8_t)is.at[i]);
    assert_string_equal(text, hex);
}

static struct trb_slice bytes(const char *hex)
{
    static uint8_t room[2048];
    size_t len = unhex(hex, room);
    return (struct trb_slice){(const char *)room, len};
}

#define PROBE "94f40000000100000002000008766d3a3230383038066d6461707031056c6f63616c00000c000108766d3a3230383038066d6461707031" \
    "056c6f63616c000021000100000c80001000000000607e02766d056c6f63616c0008766d3a3230383038066d6461707031056c6f63616c0000100001" \
    "00000c800007066d6461707031"
#define ANNOUNCEMENT "00008000000000050000000008766d3a3230383038066d6461707031056c6f63616c00002180010" \
    "0000c80001000000000607e02766d056c6f63616c00c00c0010800100000c800007066d6461707031c015000c000100000c800002c00c" \
    "095f7365727669636573075f646e732d7364045f756470c01c000c000100000c800002c015c033000180010000007800040a630001"
#define QUERY "f50d00000001000000000000066d6461707031056c6f63616c00000c0001"
#define ANSWER "f50d84000000000100000003066d6461707031056c6f63616c00000c000100000c80000b08766d3a3230383038c00cc024002100010000" \
    "0c80001000000000607e02766d056c6f63616c00c0240010000100000c800007066d6461707031c041000100010000007800040a630001"

static void a_probe_is_the_contracts(void **state)
{
    expect_bytes(record_probe(&me, 0x94f4, &w), PROBE);
}

static void an_announcement_is_the_contracts(void **state)
{
    expect_bytes(record_announcement(&me, &w), ANNOUNCEMENT);
}

static void a_query_is_the_contracts(void **state)
{
    expect_bytes(record_query(&me.service, 0xf50d, &w), QUERY);
}

static void an_answer_is_the_contracts(void **state)
{
    bool unicast = true;
    expect_bytes(record_answer(&me, bytes(QUERY), &w, &unicast), ANSWER);
    assert_false(unicast);
}

static void a_goodbye_says_all_with_no_time_left(void **state)
{
    struct trb_slice bye = record_goodbye(&me, &w);
    struct dns_reader r;
    struct dns_header h;
    struct dns_record record;
    assert_true(dns_read(bye, &r, &h));
    assert_int_equal(h.flags, 0x8000);
    assert_int_equal(h.answers, 5);
    for (int i = 0; i < 5; i++) {
        assert_true(dns_read_record(&r, &record));
        assert_int_equal(record.ttl, 0);
    }
    assert_int_equal(r.at, bye.len);
    assert_null(memchr(bye.at + 12, 0xc0, bye.len - 12));      /* no name is pointed at */
}

static struct trb_slice answer_to(const char *name, uint16_t type, uint16_t class_, bool *ret_unicast)
{
    static struct dns_writer asking;
    struct dns_name n;
    assert_true(dns_name_from((struct trb_slice){name, strlen(name)}, &n));
    dns_write(&asking, 7, 0, true);
    dns_write_question(&asking, &n, type, class_);
    return record_answer(&me, dns_finish(&asking), &w, ret_unicast);
}

static void whoever_asks_for_another_hears_nothing(void **state)
{
    bool unicast;
    assert_null(answer_to("other.local", DNS_PTR, DNS_IN, &unicast).at);
    assert_null(answer_to("MDAPP1.local", DNS_PTR, DNS_IN, &unicast).at);
    assert_null(answer_to("mdapp1.local", DNS_PTR, 3, &unicast).at);
    assert_null(record_answer(&me, bytes(PROBE), &w, &unicast).at);
    assert_null(record_answer(&me, bytes(ANNOUNCEMENT), &w, &unicast).at);
}

static void an_instance_and_the_list_of_services_are_answered_too(void **state)
{
    bool unicast;
    struct dns_reader r;
    struct dns_header h;
    assert_true(dns_read(answer_to("vm:20808.mdapp1.local", DNS_SRV, DNS_IN | DNS_TOP_BIT, &unicast), &r, &h));
    assert_int_equal(h.answers, 5);
    assert_true(unicast);
    assert_true(dns_read(answer_to("_services._dns-sd._udp.local", DNS_PTR, DNS_IN, &unicast), &r, &h));
    assert_int_equal(h.answers, 1);
}

static void who_knows_us_already_is_not_told_again(void **state)
{
    static struct dns_writer asking;
    bool unicast;
    for (uint32_t ttl = 1599; ttl <= 1600; ttl++) {
        dns_write(&asking, 7, 0, true);
        dns_write_question(&asking, &me.service, DNS_PTR, DNS_IN);
        dns_write_ptr(&asking, DNS_ANSWER, &me.service, DNS_IN, ttl, &me.instance);
        struct trb_slice answer = record_answer(&me, dns_finish(&asking), &w, &unicast);
        assert_int_equal(answer.at != NULL, ttl < 1600);
    }
}

static uint32_t sightings(struct trb_slice response, const char *app_id, struct sighting ret[SIGHTINGS])
{
    struct dns_name service;
    char text[80];
    snprintf(text, sizeof text, "%s.local", app_id);
    assert_true(dns_name_from((struct trb_slice){text, strlen(text)}, &service));
    return record_sightings(response, (struct trb_slice){app_id, strlen(app_id)}, &service, ret);
}

static void an_answer_yields_the_instance(void **state)
{
    static struct sighting seen[SIGHTINGS];
    assert_int_equal(sightings(bytes(ANSWER), "mdapp1", seen), 1);
    assert_int_equal(seen[0].port, 24702);
    assert_memory_equal(seen[0].v4, ((uint8_t[]){10, 99, 0, 1}), 4);
    assert_false(seen[0].has_v6 || seen[0].is_gone);
    assert_int_equal(sightings(bytes(ANNOUNCEMENT), "mdapp1", seen), 1);
    assert_int_equal(sightings(bytes(ANSWER), "app1", seen), 0);
    assert_int_equal(sightings(bytes(QUERY), "mdapp1", seen), 0);
}

static void a_goodbye_yields_a_leaving_instance(void **state)
{
    static struct sighting seen[SIGHTINGS];
    assert_int_equal(sightings(record_goodbye(&me, &w), "mdapp1", seen), 1);
    assert_true(seen[0].is_gone);
}

static void a_text_of_another_app_makes_an_instance_foreign(void **state)
{
    static struct sighting seen[SIGHTINGS];
    struct identity other = me;
    strcpy(other.app_id, "mdapp2");
    assert_int_equal(sightings(record_announcement(&other, &w), "mdapp1", seen), 0);
}

static void every_cut_of_a_message_is_refused(void **state)
{
    static struct sighting seen[SIGHTINGS];
    struct trb_slice all = bytes(ANSWER);
    for (size_t len = 0; len < all.len; len++)
        assert_int_equal(sightings((struct trb_slice){all.at, len}, "mdapp1", seen), 0);
}

static void a_name_that_points_at_itself_ends(void **state)
{
    struct dns_name n;
    size_t next;
    assert_false(dns_read_name_at(bytes("000000000000000000000000c00c"), 12, &n, &next));
    assert_false(dns_read_name_at(bytes("000000000000000000000000c00e016100c00c"), 12, &n, &next));
    assert_false(dns_read_name_at(bytes("0000000000000000000000000161c00c"), 12, &n, &next));
    assert_true(dns_read_name_at(bytes("000000000000000000000000016100c00c"), 15, &n, &next));
    assert_int_equal(next, 17);
}

static void names_have_bounds(void **state)
{
    struct dns_name n;
    char long_one[300];
    memset(long_one, 'a', sizeof long_one);
    assert_true(dns_name_from((struct trb_slice){long_one, 63}, &n));
    assert_false(dns_name_from((struct trb_slice){long_one, 64}, &n));
    for (size_t i = 50; i < sizeof long_one; i += 50)
        long_one[i] = '.';
    assert_true(dns_name_from((struct trb_slice){long_one, 253}, &n));
    assert_int_equal(n.len, 255);
    assert_false(dns_name_from((struct trb_slice){long_one, 254}, &n));
    assert_false(dns_name_from((struct trb_slice){"a..b", 4}, &n));
}

static void version_six_is_an_address_too(void **state)
{
    static struct sighting seen[SIGHTINGS];
    struct identity six;
    assert_null(identity_make((struct trb_slice){"mdapp1", 6}, "vm.local", 1, "::1", 5, &six));
    assert_true(dns_name_is(&six.host, &me.host));
    assert_int_equal(sightings(record_announcement(&six, &w), "mdapp1", seen), 1);
    assert_true(seen[0].has_v6 && !seen[0].has_v4 && seen[0].v6[15] == 1);
    assert_null(identity_make((struct trb_slice){"mdapp1", 6}, "vm", 1, "[::1]", 5, &six));
    assert_int_equal(six.address_len, 16);
    assert_null(identity_make((struct trb_slice){"mdapp1", 6}, "vm", 1, "localhost", 5, &six));
    assert_int_equal(six.address_len, 4);
    assert_non_null(identity_make((struct trb_slice){"mdapp1", 6}, "vm", 1, "not-an-address", 5, &six));
    assert_non_null(identity_make((struct trb_slice){"a..b", 4}, "vm", 1, "::1", 5, &six));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_probe_is_the_contracts), cmocka_unit_test(an_announcement_is_the_contracts),
        cmocka_unit_test(a_query_is_the_contracts), cmocka_unit_test(an_answer_is_the_contracts),
        cmocka_unit_test(a_goodbye_says_all_with_no_time_left), cmocka_unit_test(whoever_asks_for_another_hears_nothing),
        cmocka_unit_test(an_instance_and_the_list_of_services_are_answered_too),
        cmocka_unit_test(who_knows_us_already_is_not_told_again), cmocka_unit_test(an_answer_yields_the_instance),
        cmocka_unit_test(a_goodbye_yields_a_leaving_instance),
        cmocka_unit_test(a_text_of_another_app_makes_an_instance_foreign),
        cmocka_unit_test(every_cut_of_a_message_is_refused), cmocka_unit_test(a_name_that_points_at_itself_ends),
        cmocka_unit_test(names_have_bounds), cmocka_unit_test(version_six_is_an_address_too),
    };
    return cmocka_run_group_tests(tests, make_identity, NULL);
}
