/* The messages between sidecars against bytes written by hand from the contract's tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#undef fail

#include "kernel/channel/peer_codec.c"

#define BYTES(s) slice_from("" s, sizeof s - 1)

/* InternalInvokeRequest: 1 ver, 2 metadata map<string, ListStringValue{1 values}>, 3 message
 * InvokeRequest{1 method, 2 data Any{1 type_url, 2 value}, 3 content_type, 4 HTTPExtension{1 verb, 2 querystring}} */
#define REQUEST                                                                                                        \
    "\x08\x01"                                                                                                         \
    "\x12\x0b\x0a\x01" "a" "\x12\x06\x0a\x01" "1" "\x0a\x01" "2"                                                       \
    "\x12\x08\x0a\x01" "b" "\x12\x03\x0a\x01" "3"                                                                      \
    "\x1a\x1d\x0a\x02" "/m" "\x12\x06\x12\x04" "body" "\x1a\x03" "t/p" "\x22\x0a\x08\x03\x12\x06" "q=1&r="

/* InternalInvokeResponse: 1 status Status{1 code, 2 message}, 2 headers, 3 trailers, 4 message
 * InvokeResponse{1 data, 2 content_type} */
#define RESPONSE                                                                                                       \
    "\x0a\x0e\x08\x94\x03\x12\x09" "Not Found"                                                                         \
    "\x12\x08\x0a\x01" "h" "\x12\x03\x0a\x01" "v"                                                                      \
    "\x1a\x08\x0a\x01" "t" "\x12\x03\x0a\x01" "w"                                                                      \
    "\x22\x09\x0a\x04\x12\x02" "no" "\x12\x01" "x"

static struct arena *arena;

static int open_arena(void **state)
{
    arena = arena_create(1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    arena = arena_destroy(arena);
    return 0;
}

static void expect(struct trb_slice got, struct trb_slice wanted)
{
    assert_int_equal(got.len, wanted.len);
    assert_memory_equal(got.at, wanted.at, wanted.len);
}

static void expect_pair(const struct trb_pairs *pairs, uint32_t i, const char *key, const char *value)
{
    assert_true(i < pairs->count);
    assert_string_equal(trb_pair_at(pairs, i)->key.at, key);
    assert_string_equal(trb_pair_at(pairs, i)->value.at, value);
}

/* Lines of three names in turn, and one of its own in between. */
static void very_many_lines_are_one_entry_for_each_name(void **state)
{
    static const char *const names[] = {"c", "a-bin", "b"};
    struct trb_pair lines[1000];
    char values[1000][8];
    struct trb_pairs all = {lines, 1000, sizeof *lines};
    struct text t = {0};
    struct peer_request read;
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(values[i], sizeof values[i], "%04u", i);
        lines[i] = (struct trb_pair){name_of(i == 500 ? "d" : names[i % 3]), name_of(values[i])};
    }
    peer_write_lists(&t, 2, &all);
    assert_true(peer_read_request(arena, text_slice(&t), &read));
    assert_int_equal(read.metadata.count, 1000);
    uint32_t changes = 0;
    for (uint32_t i = 1; i < 1000; i++) {
        const struct trb_pair *a = trb_pair_at(&read.metadata, i - 1), *b = trb_pair_at(&read.metadata, i);
        bool is_same = !strcmp(a->key.at, b->key.at);
        changes += !is_same;
        assert_true(!is_same || strcmp(a->value.at, b->value.at) < 0);
    }
    assert_int_equal(changes, 3);
    text_fini(&t);
}

/* Around the lengths at which a length takes a second byte. */
static void lines_of_all_lengths_come_back(void **state)
{
    static char key[300], value[300];
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    for (size_t k = 1; k < sizeof key; k++)
        for (size_t v = 0; v < sizeof value; v += k % 7 + 1) {
            struct trb_pair line = {{key, k}, {value, v}};
            struct text t = {0};
            struct peer_request read;
            peer_write_lists(&t, 2, &(struct trb_pairs){&line, 1, sizeof line});
            assert_true(peer_read_request(arena, text_slice(&t), &read));
            assert_int_equal(read.metadata.count, 1);
            expect(slice_name(read.metadata.at->key), slice_name(line.key));
            expect(slice_name(read.metadata.at->value), slice_name(line.value));
            arena_clear(arena);
            text_fini(&t);
        }
}

static void verbs_have_the_contracts_numbers(void **state)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    for (uint32_t i = 0; i < countof(names); i++) {
        assert_int_equal(peer_verb(slice_of(names[i])), i + 1);
        assert_string_equal(peer_verb_name(i + 1), names[i]);
    }
    assert_int_equal(peer_verb(SLICE("get")), 0);
    assert_null(peer_verb_name(0));
    assert_null(peer_verb_name(10));
    assert_null(peer_verb_name(UINT32_MAX));
}

static void a_request_is_read(void **state)
{
    struct peer_request q;
    assert_true(peer_read_request(arena, BYTES(REQUEST), &q));
    assert_true(q.has_metadata && q.has_message && q.has_extension);
    expect(q.method, SLICE("/m"));
    expect(q.data, SLICE("body"));
    expect(q.content_type, SLICE("t/p"));
    expect(q.query, SLICE("q=1&r="));
    assert_int_equal(q.verb, 3);
    assert_int_equal(q.metadata.count, 3);
    expect_pair(&q.metadata, 0, "a", "1");
    expect_pair(&q.metadata, 1, "a", "2");
    expect_pair(&q.metadata, 2, "b", "3");
}

static void a_request_is_written_and_values_of_one_name_share_an_entry(void **state)
{
    struct trb_pair pairs[] = {{NAME("a"), NAME("1")}, {NAME("b"), NAME("3")}, {NAME("a"), NAME("2")}};
    struct peer_request q = {.method = SLICE("/m"), .query = SLICE("q=1&r="), .content_type = SLICE("t/p"), .verb = 3,
                             .has_extension = true, .data = SLICE("body"), .metadata = {pairs, 3, sizeof pairs[0]}};
    struct text t = {0};
    peer_write_request(&t, &q);
    expect(text_slice(&t), BYTES(REQUEST));
    text_fini(&t);
}

static void an_http_extension_that_is_not_there_is_not_written(void **state)
{
    struct peer_request q = {.method = SLICE("m"), .type_url = SLICE("u"), .data = SLICE("d")}, again;
    struct text t = {0};
    peer_write_request(&t, &q);
    assert_true(peer_read_request(arena, text_slice(&t), &again));
    assert_true(again.has_message && !again.has_extension);
    expect(again.type_url, SLICE("u"));
    text_fini(&t);
}

static void binary_values_are_padded_and_parted(void **state)
{
    struct trb_pair pairs[] = {{NAME("a-bin"), NAME("AQ")}, {NAME("a-bin"), NAME("AQI=,AQID")}, {NAME("b-bin"), NAME("")}};
    struct peer_request q = {.metadata = {pairs, 3, sizeof pairs[0]}}, again;
    struct text t = {0};
    peer_write_request(&t, &q);
    assert_true(peer_read_request(arena, text_slice(&t), &again));
    assert_int_equal(again.metadata.count, 4);
    expect_pair(&again.metadata, 0, "a-bin", "AQ==");
    expect_pair(&again.metadata, 1, "a-bin", "AQI=");
    expect_pair(&again.metadata, 2, "a-bin", "AQID");
    expect_pair(&again.metadata, 3, "b-bin", "");
    text_fini(&t);
}

static void a_response_of_nothing_is_present_and_empty(void **state)
{
    static const struct peer_response bare;
    struct peer_payload p = {.data = SLICE("x"), .is_present = true};
    struct text t = {0};
    peer_write_response_chunk(&t, &bare, &p);
    expect(text_slice(&t), BYTES("\x0a\x00\x12\x03\x0a\x01" "x"));
    text_fini(&t);
}

static void a_response_is_read_and_written(void **state)
{
    struct peer_response a;
    struct text t = {0};
    assert_true(peer_read_response(arena, BYTES(RESPONSE), &a));
    assert_int_equal(a.code, 404);
    assert_true(a.has_status);
    expect(a.message, SLICE("Not Found"));
    expect(a.data, SLICE("no"));
    expect(a.content_type, SLICE("x"));
    expect_pair(&a.headers, 0, "h", "v");
    expect_pair(&a.trailers, 0, "t", "w");
    peer_write_response(&t, &a);
    expect(text_slice(&t), BYTES(RESPONSE));
    text_fini(&t);
}

/* InternalInvokeRequestStream and …ResponseStream: 1 the head, 2 payload StreamPayload{1 data, 2 seq} */
static void chunks_carry_a_head_a_payload_or_both(void **state)
{
    struct peer_request q;
    struct peer_response a = {0};
    struct peer_payload p;
    bool has;
    assert_true(peer_read_request_chunk(arena, BYTES("\x0a\x02\x08\x01\x12\x04\x0a\x02" "xy"), &has, &q, &p));
    assert_true(has && p.is_present);
    assert_int_equal(p.seq, 0);
    expect(p.data, SLICE("xy"));
    assert_true(peer_read_request_chunk(arena, BYTES("\x12\x05\x0a\x00\x10\xac\x02"), &has, &q, &p));
    assert_true(!has && p.is_present);
    assert_int_equal(p.seq, 300);
    assert_int_equal(p.data.len, 0);
    assert_true(peer_read_response_chunk(arena, BYTES("\x0a\x05\x0a\x03\x08\xc8\x01"), &has, &a, &p));
    assert_true(has && !p.is_present);
    assert_int_equal(a.code, 200);
    assert_true(peer_read_response_chunk(arena, BYTES(""), &has, &a, &p));
    assert_true(!has && !p.is_present);
}

static void a_later_chunk_is_only_its_payload(void **state)
{
    struct peer_payload first = {.data = SLICE("xy"), .is_present = true}, later = {.data = SLICE("z"), .seq = 300, .is_present = true};
    struct text t = {0};
    peer_write_request_chunk(&t, NULL, &first);
    expect(text_slice(&t), BYTES("\x12\x04\x0a\x02" "xy"));
    text_clear(&t);
    peer_write_response_chunk(&t, NULL, &later);
    expect(text_slice(&t), BYTES("\x12\x06\x0a\x01" "z" "\x10\xac\x02"));
    text_fini(&t);
}

static void unknown_fields_are_skipped(void **state)
{
    struct peer_request q;
    assert_true(peer_read_request(arena, BYTES("\xa0\x06\x01" REQUEST "\xaa\x06\x03" "abc"), &q));
    expect(q.method, SLICE("/m"));
}

static void what_is_cut_anywhere_is_refused_or_shorter_and_never_read_beyond(void **state)
{
    static const char all[] = REQUEST;
    for (size_t len = 0; len < sizeof all - 1; len++) {
        struct peer_request q;
        char *exact = mem_alloc(len + 1);
        memcpy(exact, all, len);
        if (peer_read_request(arena, slice_from(exact, len), &q))
            assert_false(q.has_message);       /* the message is the last field */
        mem_free(exact);
    }
}

static void a_length_beyond_the_end_is_refused(void **state)
{
    struct peer_request q;
    assert_false(peer_read_request(arena, BYTES("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &q));
    assert_false(peer_read_request(arena, BYTES("\x1a\x7f"), &q));
    assert_false(peer_read_request(arena, BYTES("\x1a\x80"), &q));
}

static void there_is_a_limit_to_metadata(void **state)
{
    struct text t = {0};
    struct peer_request q;
    for (int i = 0; i < MAX_PAIRS + 1; i++)
        text_add(&t, BYTES("\x12\x08\x0a\x01" "b" "\x12\x03\x0a\x01" "3"));
    assert_false(peer_read_request(arena, text_slice(&t), &q));
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(very_many_lines_are_one_entry_for_each_name),
        cmocka_unit_test(lines_of_all_lengths_come_back),
        cmocka_unit_test(verbs_have_the_contracts_numbers),
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(a_request_is_written_and_values_of_one_name_share_an_entry),
        cmocka_unit_test(an_http_extension_that_is_not_there_is_not_written),
        cmocka_unit_test(binary_values_are_padded_and_parted),
        cmocka_unit_test(a_response_of_nothing_is_present_and_empty),
        cmocka_unit_test(a_response_is_read_and_written),
        cmocka_unit_test(chunks_carry_a_head_a_payload_or_both),
        cmocka_unit_test(a_later_chunk_is_only_its_payload),
        cmocka_unit_test(unknown_fields_are_skipped),
        cmocka_unit_test(what_is_cut_anywhere_is_refused_or_shorter_and_never_read_beyond),
        cmocka_unit_test(a_length_beyond_the_end_is_refused),
        cmocka_unit_test(there_is_a_limit_to_metadata),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
