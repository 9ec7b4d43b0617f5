/* batch: saying statements on a connection, prepared where they have a number. */
#ifndef POSTGRES_BATCH_H
#define POSTGRES_BATCH_H

#include <postgres/queue.h>

struct pg_batch {
    PGconn *conn;
    struct pg_entry *entry;                     /* the wish that is speaking */
    uint32_t prepared;                          /* bits: statements that the server keeps, or is about to */
    uint32_t generations[PG_STATEMENTS];        /* a name is never used for two preparations */
    bool is_unnamed, is_broken;
};

#endif
