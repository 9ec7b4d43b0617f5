/* queue: wishes in the order in which their answers come. */
#ifndef POSTGRES_QUEUE_H
#define POSTGRES_QUEUE_H

#include <line/ring.h>
#include <postgres/answer.h>

struct pg_entry {
    struct pg_wish wish;
    uint64_t since_ns;
    uint32_t commands, got;                     /* sent, with the preparations; and answered */
    uint32_t done;                              /* statements that were carried out */
    uint32_t prepared;                          /* bits: numbers of the statements it prepares */
    bool ends;                                  /* a sync follows: the transaction ends here */
    bool is_skipped;                            /* another one of its transaction failed */
    struct pg_answer answer;
    struct trb_error *failure;
};

struct pg_entry *pg_queue_add(struct ring *);   /* zeroed */
static inline struct pg_entry *pg_queue_at(const struct ring *r, uint32_t i)    /* NULL: there are fewer */
{
    return ring_at(r, i, sizeof(struct pg_entry));
}
static inline struct pg_entry pg_queue_take(struct ring *r)     /* the first; there must be one */
{
    return *(struct pg_entry *)ring_take(r, sizeof(struct pg_entry));
}
void pg_entry_fini(struct pg_entry *);

#endif
