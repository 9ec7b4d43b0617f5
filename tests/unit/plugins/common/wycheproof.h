/* wycheproof: walks a file of the public vectors in ../shared/data, where they are. Included by one test. */
#ifndef TEST_WYCHEPROOF_H
#define TEST_WYCHEPROOF_H

#include <base/codec.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define VECTORS "../shared/data/wycheproof/testvectors_v1/"

struct vector {
    struct json_value group, test;
    struct arena *arena;            /* of this test's texts */
};

static struct trb_slice vector_text(struct vector *v, struct json_value in, const char *name)
{
    struct json_value found = json_find(in, slice_of(name));
    return found.kind == JSON_STRING ? json_text(v->arena, found) : slice_from(NULL, 0);
}

static struct trb_slice vector_hex(struct vector *v, struct json_value in, const char *name)
{
    struct trb_slice text = vector_text(v, in, name);
    char *bytes = arena_alloc(v->arena, text.len / 2 + 1);
    if (!text.at)
        return text;
    assert_true(hex_decode(text, bytes));
    return slice_from(bytes, text.len / 2);
}

static bool vector_is(struct vector *v, const char *result)
{
    return slice_is(vector_text(v, v->test, "result"), slice_of(result));
}

static uint64_t vector_number(struct vector *v, struct json_value in, const char *name)
{
    struct trb_slice text = vector_text(v, in, name);
    uint64_t n = 0;
    if (!text.at)
        text = json_find(in, slice_of(name)).raw;
    return slice_to_u64(text, &n) ? n : 0;
}

static char *vectors_read(const char *name, size_t *ret_len)
{
    char path[200], *text = mem_alloc(16 << 20);
    snprintf(path, sizeof path, "%s%s_test.json", VECTORS, name);
    FILE *f = fopen(path, "re");
    if (!f) {
        printf("skipped: %s is not there\n", path);
        mem_free(text);
        skip();
    }
    *ret_len = fread(text, 1, 16 << 20, f);
    fclose(f);
    return text;
}

/* check: true when it counted. At least least tests count. */
static void vectors_run(const char *name, bool (*check)(struct vector *), uint32_t least)
{
    size_t len = 0;
    char *text = vectors_read(name, &len);
    struct json_value all, group, test;
    struct json_fault fault;
    uint32_t count = 0;
    assert_true(json_parse(slice_from(text, len), &all, &fault));
    struct json_cursor groups = json_enter(json_find(all, SLICE("testGroups")));
    while (json_next(&groups, &group)) {
        struct json_cursor tests = json_enter(json_find(group, SLICE("tests")));
        while (json_next(&tests, &test)) {
            struct vector v = {group, test, arena_create(SIZE_MAX)};
            uint64_t id = vector_number(&v, test, "tcId");
            if (id >= 1)
                count += check(&v);
            arena_destroy(v.arena);
        }
    }
    mem_free(text);
    printf("%s: %u vectors\n", name, count);
    assert_true(count >= least);
}

#define EXPECT_VECTOR(v, so)                                                                       \
    do {                                                                                           \
        if (!(so))                                                                                 \
            fail_msg("test %u: %s", (unsigned)vector_number(v, (v)->test, "tcId"), #so);           \
    } while (0)

#endif
