/* pb_support: memory that is counted, and bytes as C writes them, for the tests of pb. */
#ifndef TESTS_PB_SUPPORT_H
#define TESTS_PB_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <base/slice.h>
#include <base/text.h>
#include <pb/every.h>
#include <pb/pb.h>

#define BYTES(s) slice_from("" s, sizeof s - 1)

/* One allocation each, so that a sanitizer sees every overrun. */
struct pieces {
    void **at;
    size_t count, room, bytes;
    size_t most;                    /* bytes after which nothing is given; 0: no end */
};

static inline void *pieces_take(void *arg, size_t size)
{
    struct pieces *p = arg;
    if (p->most && p->bytes + size > p->most)
        return NULL;
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 64;
        p->at = realloc(p->at, p->room * sizeof *p->at);
    }
    p->bytes += size;
    return p->at[p->count++] = calloc(1, size);
}

static inline void pieces_free(struct pieces *p)
{
    while (p->count)
        free(p->at[--p->count]);
    free(p->at);
    *p = (struct pieces){0};
}

static inline struct pb_memory pieces_memory(struct pieces *p)
{
    return (struct pb_memory){pieces_take, p};
}

static inline void assert_slice(struct trb_slice got, struct trb_slice wanted)
{
    assert_int_equal(got.len, wanted.len);
    if (wanted.len)
        assert_memory_equal(got.at, wanted.at, wanted.len);
}

static inline void assert_name(struct trb_name got, const char *wanted)
{
    assert_non_null(got.at);
    assert_string_equal(got.at, wanted);
    assert_int_equal(got.len, strlen(wanted));
}

#endif
