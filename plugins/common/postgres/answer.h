/* answer: what the server said, and its errors in our words. */
#ifndef POSTGRES_ANSWER_H
#define POSTGRES_ANSWER_H

#include <libpq-fe.h>
#include <postgres/wish.h>

struct pg_answer {
    PGresult *result;                           /* the last good one, or NULL */
    uint32_t failed_at;
    char state[6];                              /* SQLSTATE */
};

/* From a failed result. */
void pg_error_read(const PGresult *, struct trb_error *ret_err);
/* "the server closed the connection": libpq's lines as one sentence's part. */
void pg_sentence(const char *libpq_text, char *ret, size_t room);

#endif
