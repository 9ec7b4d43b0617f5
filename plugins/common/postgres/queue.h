/* queue: wishes in the order in which their answers come; a ring. */
#ifndef POSTGRES_QUEUE_H
#define POSTGRES_QUEUE_H

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

struct pg_queue {                               /* room is a power of two */
    struct pg_entry *entries;
    uint32_t first, count, room;
};

struct pg_entry *pg_queue_add(struct pg_queue *);                  /* zeroed */
struct pg_entry *pg_queue_at(const struct pg_queue *, uint32_t i); /* NULL: there are fewer */
struct pg_entry pg_queue_take(struct pg_queue *);                  /* the first; there must be one */
void pg_queue_fini(struct pg_queue *);
void pg_entry_fini(struct pg_entry *);

#endif
