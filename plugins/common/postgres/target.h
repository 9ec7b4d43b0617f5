/* target: what a connection string says, as pairs of libpq's words. Pure; no connection is made.
 *
 * Both forms are read here, and not by libpq, because it refuses words that the field's strings carry:
 * pool settings, and parameters of the server's session. */
#ifndef POSTGRES_TARGET_H
#define POSTGRES_TARGET_H

#include <stdbool.h>
#include <trilby/inline.h>

#define PG_TARGET_WORDS 64u

struct pg_target {
    uint32_t count;
    char *names[PG_TARGET_WORDS], *values[PG_TARGET_WORDS];
};

/* "host=db user=app" or "postgres://app@db:5432/orders?sslmode=require". The sentence shows no value. */
trb_code pg_target_read(struct pg_target *, struct trb_slice text, struct trb_error *err);
trb_code pg_target_set(struct pg_target *, const char *name, struct trb_slice value, struct trb_error *err);
const char *pg_target_get(const struct pg_target *, const char *name);      /* NULL: not said */
void pg_target_drop(struct pg_target *, const char *name);
void pg_target_fini(struct pg_target *);                                    /* wipes the values */
/* Adds "-c name=value" to options, escaped as the server reads them. */
trb_code pg_target_add_setting(struct pg_target *, const char *name, const char *value, struct trb_error *err);

#endif
