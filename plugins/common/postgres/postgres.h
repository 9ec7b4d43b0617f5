/* postgres: what a component asks: the connections of one loop to one database. [loop]
 *
 * It is created by start and answers that call: when it is connected, then(self) goes on and answers; when
 * the first attempt fails, it is taken down and the call fails with the reason. Later it stays, and tells
 * the host when the database is lost and back.
 *
 * libpq leaves things of its own behind in the process: a plugin that links this is not unmapped. */
#ifndef POSTGRES_POSTGRES_H
#define POSTGRES_POSTGRES_H

#include <postgres/link.h>

struct pg;

struct pg_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct pg_config *config;                   /* outlives it */
    void *self;
    struct pg **place;                          /* where the component keeps it */
    void (*then)(void *self, struct trb_call *start);
    uint32_t flags;                             /* of config.h */
};

/* The usual first lines of start: checks the options, connects. */
void pg_start(const struct pg_setup *, struct trb_call *start);
struct pg *pg_stop(struct pg *);                /* inside stop; returns NULL; NULL is welcome; who waits is told */
struct pg *pg_close(struct pg *);               /* the same at any other time */
void pg_ask(struct pg *, const struct pg_wish *);
/* A connection of its own, for LISTEN. Setup: arg, up, down, notified; the rest is filled in. */
struct pg_link *pg_own_link(struct pg *, struct pg_link_setup *);
/* Answers the call with the failure; what: in front of the sentence, or NULL. */
void pg_fail(struct trb_call *, const char *what, const struct trb_error *);

/* Identifiers that go into statements as they are: name, schema.name, "Quoted". */
bool pg_is_identifier(const char *text, bool may_have_schema);

#endif
