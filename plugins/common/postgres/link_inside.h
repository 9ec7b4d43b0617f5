/* link_inside: what link.c and receive.c share of a connection. */
#ifndef POSTGRES_LINK_INSIDE_H
#define POSTGRES_LINK_INSIDE_H

#include <base/check.h>
#include <postgres/batch.h>
#include <postgres/link.h>
#include <postgres/lookup.h>

#define LOOKING 0
#define DIALING 1
#define UP 2
#define RESTING 3
#define ASLEEP 4

/* Owed to the host's mailbox; outlives the link, which it then no longer knows. */
struct pg_turn {
    struct pg_link *link;
};

struct pg_link {
    uint32_t magic;
    struct pg_link_setup setup;
    const struct trb_watch_service *watches;
    const struct trb_timer_service *timers;
    const struct trb_post_service *posts;
    struct pg_batch batch;              /* the connection, and what it has prepared */
    struct trb_watch *watch;
    struct trb_timer *timer;            /* of the state: dialling, rest; answers and idleness when up */
    struct pg_lookup *lookup;
    struct pg_turn *turn;               /* asked for; NULL: not */
    uint32_t state, failures, depth, conns_had, want;
    bool is_dead, has_open;             /* has_open: reads were said that no sync ends yet */
    struct ring sent, waiting;
    uint32_t cursor;                    /* in sent: whose results come next */
    struct trb_error fault;             /* why the last attempt failed */
    uint64_t used_ns, up_ns;
};
#define LINK_MAGIC 0x50474c4bu

/* Ends what is, tells who waits, and dials again, at once or after a rest. */
void pg_link_lose(struct pg_link *, trb_code code, const char *reason, const char *sentence);
/* Answers whoever can be answered by what has arrived; may lose the connection. */
void pg_link_receive(struct pg_link *);

#endif
