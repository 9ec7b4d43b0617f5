/* sealed: files that Dapr has sealed are opened, what we seal is the same bytes, and nothing altered gets through. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <crypto/operation.h>
#include <sealed/sealed.h>
#include <stdio.h>
#include <trilby/plugin.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* Sealed by Dapr with the key 00…1f, A256KW: "hello world". */
struct fixture {
    const char *header, *segment;
};
static const struct fixture of_dapr[] = {
    {"dapr.io/enc/v1\n"
     "{\"k\":\"sym\",\"kw\":1,\"wfk\":\"MLkEylC5qBzW13PMFjgmWQvtBo6Lcj1qlARzIg31qLLiprmAI6eDkQ==\",\"cph\":1,\"np\":\"JEK5JcioiA==\"}\n"
     "2sn2X/bYOHVx9uK/VzdfoHttb7VfFTox8Rb+oPIegLY=\n",
     "c1fe033448fa8e6a1a9a90b08102806b02fbb4b42fa6642b921197"},
    {"dapr.io/enc/v1\n"
     "{\"k\":\"sym\",\"kw\":1,\"wfk\":\"4m/RIM0Med7PtE9Jqa0e7T1IDONdQ66JKCGOTZ3VDW7LxWvBk9HH/g==\",\"cph\":2,\"np\":\"k9Yx3l0Phw==\"}\n"
     "PuCq/K9BFxoJhOzoyp9AFv+9CSqN/7NehdCbWMC6AOA=\n",
     "67cb8e3eb568ee8ec40ccb2b5048bf0f6ae5ba4a6657ce31f577e7"}};

static void unwrap(struct trb_slice wrapped, uint8_t ret[SEALED_KEY])
{
    char bytes[32];
    struct trb_error err = {.size = sizeof err};
    struct bytes made;
    for (int i = 0; i < 32; i++)
        bytes[i] = (char)i;
    struct crypto_key *k = crypto_key_read(slice_from(bytes, 32), CRYPTO_FORM_GUESS, &err);
    struct trb_crypto_open q = {.size = sizeof q, .algorithm = NAME("A256KW"), .sealed = wrapped};
    assert_true(crypto_unwrap(k, &q, &made, &err));
    assert_int_equal(made.len, SEALED_KEY);
    memcpy(ret, made.at, SEALED_KEY);
    bytes_wipe(&made);
    crypto_key_unref(k);
}

static void whole_file(const struct fixture *f, struct text *ret)
{
    char segment[64];
    text_adds(ret, f->header);
    assert_true(hex_decode(slice_of(f->segment), segment));
    text_add(ret, slice_from(segment, strlen(f->segment) / 2));
}

/* Opens a file that comes in pieces of so many bytes; NULL, or the fault. The file key is unwrapped, or given. */
static const char *open_pieces(struct trb_slice file, size_t piece, const uint8_t *key, struct text *ret, char fault[96])
{
    struct opener *o = opener_create();
    uint8_t unwrapped[SEALED_KEY];
    struct trb_slice plain;
    bool is_unlocked = false;
    while (file.len && !opener_fault(o)) {
        struct trb_slice rest = slice_cut(file, piece);
        file = slice_skip(file, rest.len);
        if (!is_unlocked) {
            if (!opener_header(o, &rest))
                continue;
            if (!key)
                unwrap(opener_manifest(o)->wrapped_key, unwrapped);
            if (!opener_unlock(o, key ? key : unwrapped))
                break;
            is_unlocked = true;
        }
        while (opener_take(o, &rest, &plain))
            text_add(ret, plain);
        assert_true(opener_fault(o) || !rest.len);
    }
    if (!is_unlocked)
        opener_header_end(o);
    else if (opener_end(o, &plain))
        text_add(ret, plain);
    snprintf(fault, 96, "%s", opener_fault(o) ? opener_fault(o) : "");
    opener_destroy(o);
    return fault[0] ? fault : NULL;
}

static void a_file_that_dapr_sealed_is_opened(void **state)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t piece = 1; piece < 400; piece += piece < 8 ? 1 : 97) {
            struct text file = {0}, plain = {0};
            char fault[96];
            whole_file(&of_dapr[i], &file);
            assert_null(open_pieces(text_slice(&file), piece, NULL, &plain, fault));
            assert_string_equal(plain.at, "hello world");
            text_fini(&file);
            text_fini(&plain);
        }
}

static void what_we_seal_is_what_dapr_sealed(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct opener *o = opener_create();
        struct trb_slice rest = slice_of(of_dapr[i].header), segment;
        uint8_t key[SEALED_KEY];
        char prefix[10], hex[128];
        size_t len;
        assert_true(opener_header(o, &rest));
        unwrap(opener_manifest(o)->wrapped_key, key);
        assert_true(base64_decode(i ? SLICE("k9Yx3l0Phw==") : SLICE("JEK5JcioiA=="), false, prefix, &len, NULL));
        struct sealer *s = sealer_create(opener_manifest(o), key, (const uint8_t *)prefix);
        assert_non_null(s);
        assert_string_equal(sealer_header(s).at, of_dapr[i].header);
        rest = SLICE("hello world");
        assert_false(sealer_take(s, &rest, &segment));
        assert_true(sealer_end(s, &segment));
        hex_encode(segment, hex);
        assert_memory_equal(hex, of_dapr[i].segment, strlen(of_dapr[i].segment));
        sealer_destroy(s);
        opener_destroy(o);
    }
}

static const uint8_t a_key[SEALED_KEY] = "thirty-two bytes of a file's key";

static void seal_pieces(struct trb_slice plain, size_t piece, uint32_t cipher, struct text *ret)
{
    struct sealed_manifest m = {.key_name = SLICE("a \"key\" <&>"), .wrap = 5, .cipher = cipher, .wrapped_key = SLICE("wrapped")};
    struct sealer *s = sealer_create(&m, a_key, NULL);
    struct trb_slice segment;
    text_add(ret, sealer_header(s));
    while (plain.len) {
        struct trb_slice rest = slice_cut(plain, piece);
        plain = slice_skip(plain, rest.len);
        while (sealer_take(s, &rest, &segment))
            text_add(ret, segment);
        assert_int_equal(rest.len, 0);
    }
    if (sealer_end(s, &segment))
        text_add(ret, segment);
    assert_null(sealer_fault(s));
    sealer_destroy(s);
}

static size_t header_len(const struct text *file)
{
    const char *at = file->at;
    for (int i = 0; i < 3; i++)
        at = strchr(at, '\n') + 1;
    return (size_t)(at - file->at);
}

static void any_length_in_any_pieces_comes_back(void **state)
{
    static const size_t lengths[] = {0, 1, 65535, 65536, 65537, 131072, 131073, 200000};
    static const size_t pieces[] = {999, 16384, 65536, 65552, 300000};
    char *plain = mem_alloc(200000);
    for (size_t i = 0; i < 200000; i++)
        plain[i] = (char)(i * 31 + i / 256);
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            struct text file = {0}, back = {0};
            char fault[96];
            seal_pieces(slice_from(plain, lengths[l]), pieces[p], 1 + (uint32_t)(p % 2), &file);
            size_t segments = (lengths[l] + 65535) / 65536;
            assert_int_equal(file.len, header_len(&file) + lengths[l] + 16 * segments);
            assert_null(open_pieces(text_slice(&file), pieces[4 - p], a_key, &back, fault));
            assert_true(slice_is(text_slice(&back), slice_from(plain, lengths[l])));
            text_fini(&file);
            text_fini(&back);
        }
    mem_free(plain);
}

static void expect_fault(struct trb_slice file, const char *wanted)
{
    struct text back = {0};
    char fault[96];
    assert_non_null(open_pieces(file, 7, a_key, &back, fault));
    assert_string_equal(fault, wanted);
    text_fini(&back);
}

static void a_broken_header_is_named(void **state)
{
    expect_fault(SLICE(""), "invalid header: scheme name not found");
    expect_fault(SLICE("garbage"), "invalid header: scheme name not found");
    expect_fault(SLICE("dapr.io/enc/v2\n{}\n"), "invalid header: unsupported scheme");
    expect_fault(SLICE("dapr.io/enc/v1\n"), "invalid header: manifest not found");
    expect_fault(SLICE("dapr.io/enc/v1\n{}\n"), "invalid header: invalid manifest");
#define GOOD "\"wfk\":\"AAAA\",\"np\":\"AAAAAAAAAA==\""
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":6,\"cph\":1," GOOD "}\n"), "invalid header: invalid manifest");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":1,\"cph\":3," GOOD "}\n"), "invalid header: invalid manifest");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":1.5,\"cph\":1," GOOD "}\n"), "invalid header: invalid manifest");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"k\":7,\"kw\":1,\"cph\":1," GOOD "}\n"), "invalid header: invalid manifest");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":1,\"cph\":1,\"wfk\":\"AAAA\",\"np\":\"AAAA\"}\n"), "invalid header: invalid manifest");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":1,\"cph\":1," GOOD "}\n"), "invalid header: message authentication code not found");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":1,\"cph\":1," GOOD "}\nAAAA\n"), "invalid header: invalid format");
    expect_fault(SLICE("dapr.io/enc/v1\n{\"kw\":1,\"cph\":1," GOOD "}\n2sn2X/bYOHVx9uK/VzdfoHttb7VfFTox8Rb+oPIegLY=\n"),
                 "failed to validate the document's signature");
    char *long_one = mem_alloc(70000);
    memset(long_one, 'x', 70000);
    expect_fault(slice_from(long_one, 70000), "invalid header: scheme name not found");
    mem_free(long_one);
}

static void nothing_altered_gets_through(void **state)
{
    char *plain = mem_zero(150000);
    struct text file = {0}, back = {0};
    char fault[96];
    seal_pieces(slice_from(plain, 150000), 65536, 1, &file);
    size_t head = header_len(&file);
    size_t places[] = {20, head - 10, head, head + 65551, head + 65552, file.len - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        file.at[places[i]] ^= 1;
        text_clear(&back);
        assert_non_null(open_pieces(text_slice(&file), 5000, a_key, &back, fault));
        assert_true(back.len % 65536 == 0 && back.len < 150000);        /* only segments before the altered one came out */
        file.at[places[i]] ^= 1;
    }
    text_clear(&back);
    assert_string_equal(open_pieces(slice_cut(text_slice(&file), head + 2 * 65552), 5000, a_key, &back, fault),
                        "error processing segment 1: failed to decrypt segment");     /* cut between segments */
    text_clear(&back);
    assert_string_equal(open_pieces(slice_cut(text_slice(&file), head + 10), 5000, a_key, &back, fault),
                        "error processing segment 0: failed to decrypt segment");
    text_clear(&back);
    char swapped[100];
    memcpy(swapped, file.at + head, 100);
    memcpy(file.at + head, file.at + head + 65552, 100);
    memcpy(file.at + head + 65552, swapped, 100);
    assert_non_null(open_pieces(text_slice(&file), 5000, a_key, &back, fault));
    assert_int_equal(back.len, 0);
    text_fini(&file);
    text_fini(&back);
    mem_free(plain);
}

static void names_have_aliases_and_no_letter_case(void **state)
{
    assert_int_equal(sealed_wrap_number(SLICE("aes")), 1);
    assert_int_equal(sealed_wrap_number(SLICE("A256kw")), 1);
    assert_int_equal(sealed_wrap_number(SLICE("RSA")), 5);
    assert_int_equal(sealed_wrap_number(SLICE("rsa-oaep-256")), 5);
    assert_int_equal(sealed_wrap_number(SLICE("A192CBC-NOPAD")), 3);
    assert_int_equal(sealed_wrap_number(SLICE("A128KW")), 0);
    assert_int_equal(sealed_wrap_number(SLICE("")), 0);
    assert_string_equal(sealed_wrap_name(5), "RSA-OAEP-256");
    assert_null(sealed_wrap_name(6));
    assert_int_equal(sealed_cipher_number(SLICE("chacha20-poly1305")), 2);
    assert_int_equal(sealed_cipher_number(SLICE("AES-GCM")), 1);
    assert_int_equal(sealed_cipher_number(SLICE("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_dapr_sealed_is_opened), cmocka_unit_test(what_we_seal_is_what_dapr_sealed),
        cmocka_unit_test(any_length_in_any_pieces_comes_back), cmocka_unit_test(a_broken_header_is_named),
        cmocka_unit_test(nothing_altered_gets_through), cmocka_unit_test(names_have_aliases_and_no_letter_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
