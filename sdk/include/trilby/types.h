/* trilby/types.h: the few types that every header of the SDK speaks. Append only.
 *
 * Nothing compiler-shaped crosses the border: no enums, bitfields, bool, long or variadics. Every
 * struct that may grow begins with its size as the writer compiled it. C11 and C++17. */
#ifndef TRILBY_TYPES_H
#define TRILBY_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* gRPC's canonical codes, by number. */
typedef int32_t trb_code;
#define TRB_OK 0                /* no error */
#define TRB_CANCELLED 1         /* the asker gave up */
#define TRB_UNKNOWN 2           /* nobody can say why */
#define TRB_INVALID 3           /* the question is wrong, whatever the state of things */
#define TRB_DEADLINE 4          /* the time was over */
#define TRB_NOT_FOUND 5         /* there is no such thing */
#define TRB_EXISTS 6            /* there is one already */
#define TRB_DENIED 7            /* known, and not allowed */
#define TRB_EXHAUSTED 8         /* a limit: memory, room, a quota */
#define TRB_PRECONDITION 9      /* not in the state that it takes */
#define TRB_ABORTED 10          /* a race was lost: read again, then try */
#define TRB_RANGE 11            /* beyond the end */
#define TRB_UNIMPLEMENTED 12    /* not done here */
#define TRB_INTERNAL 13         /* a rule of our own is broken */
#define TRB_UNAVAILABLE 14      /* just now; the same call may succeed later */
#define TRB_DATA_LOSS 15        /* what was kept cannot be read any more */
#define TRB_UNAUTHENTICATED 16  /* nobody has said who asks */

struct trb_buf;    /* counted bytes; belongs to the host */
struct trb_origin; /* who speaks: instance and trace */

/* Borrowed bytes, no promise about the byte behind them. at == NULL: absent, which is not empty. */
struct trb_slice {
    const char *at; /* NULL: absent */
    size_t len;     /* bytes */
};

/* A key, a topic, a header: a slice with a NUL behind it (and perhaps others inside). */
struct trb_name {
    const char *at; /* NULL: absent */
    size_t len;     /* bytes, without the NUL */
};

/* A body. owner is NULL when there is nothing to keep: copy then. */
struct trb_data {
    const char *at;        /* NULL: absent */
    size_t len;            /* bytes */
    struct trb_buf *owner; /* keeps the bytes alive: buf_ref to keep them; in an answer the reference is given */
};

/* One item of metadata. */
struct trb_pair {
    struct trb_name key, value; /* as the other side wrote them; keys are compared without regard to letter case */
};

/* An array that crosses: count and stride, so that its element may grow. */
struct trb_pairs {
    const struct trb_pair *at; /* step by stride: trb_pair_at */
    uint32_t count, stride;    /* how many; bytes from one to the next */
};

/* Why a call failed. Copied by who takes it; the plugin's own may lie on its stack. */
struct trb_error {
    uint32_t size;
    trb_code code;        /* one of gRPC's above, never TRB_OK */
    uint32_t retryable;   /* 1: the same call may succeed later */
    uint32_t kind;        /* the block's words, e.g. TRB_STATE_ETAG_MISMATCH; 0: none */
    uint32_t http_status; /* 0: the block's table decides */
    int32_t item;         /* which of several, from 0; -1: the whole */
    char reason[64];      /* UPPER_SNAKE, for machines */
    char message[512];    /* one sentence, for people */
    struct trb_buf *text, *details; /* longer ones, or NULL; given with the error */
};

/* Was the member known when the other side was compiled? */
#define TRB_KNOWS(table, member)                                                                   \
    ((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member))
/* TRB_HAS(ops, query): was the member known when the other side was compiled, and is it filled in? */
#define TRB_HAS(table, member) (TRB_KNOWS(table, member) && (table)->member)

/* The i-th element of a strided array. */
static inline const struct trb_pair *trb_pair_at(const struct trb_pairs *pairs, uint32_t i)
{
    return (const struct trb_pair *)(const void *)((const char *)(const void *)pairs->at +
                                                   (size_t)i * pairs->stride);
}

/* The manifest's symbol is seen from outside; a compiler may check formats. */
#if defined(__GNUC__)
#define TRB_EXPORT __attribute__((visibility("default")))
#define TRB_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TRB_EXPORT
#define TRB_PRINTF(f, a)
#endif

#ifdef __cplusplus
}
#endif
#endif
