/* answer: reading results. */
#include <base/slice.h>
#include <postgres/answer.h>
#include <stdlib.h>

uint32_t pg_rows(const struct pg_answer *a)
{
    return a->result ? (uint32_t)PQntuples(a->result) : 0;
}

uint32_t pg_columns(const struct pg_answer *a)
{
    return a->result ? (uint32_t)PQnfields(a->result) : 0;
}

struct trb_slice pg_cell(const struct pg_answer *a, uint32_t row, uint32_t column)
{
    if (PQgetisnull(a->result, (int)row, (int)column))
        return (struct trb_slice){0};
    return slice_from(PQgetvalue(a->result, (int)row, (int)column), (size_t)PQgetlength(a->result, (int)row, (int)column));
}

uint32_t pg_column_type(const struct pg_answer *a, uint32_t column)
{
    return (uint32_t)PQftype(a->result, (int)column);
}

uint64_t pg_affected(const struct pg_answer *a)
{
    return a->result ? strtoull(PQcmdTuples(a->result), NULL, 10) : 0;
}

const char *pg_state(const struct pg_answer *a)
{
    return a->state;
}

uint32_t pg_failed_at(const struct pg_answer *a)
{
    return a->failed_at;
}

/* ------------------------------------------------------------------------------------------ errors */
static const struct {
    const char *state;                          /* or the class: its first two characters */
    trb_code code;
    uint32_t retryable;
} codes[] = {
    {"57014", TRB_DEADLINE, 1}, {"40001", TRB_ABORTED, 1}, {"40P01", TRB_ABORTED, 1}, {"40", TRB_ABORTED, 1},
    {"25006", TRB_UNAVAILABLE, 1}, {"26000", TRB_UNAVAILABLE, 1}, {"55P03", TRB_UNAVAILABLE, 1},
    {"08", TRB_UNAVAILABLE, 1}, {"57", TRB_UNAVAILABLE, 1}, {"53", TRB_EXHAUSTED, 1}, {"58", TRB_UNAVAILABLE, 1},
    {"28", TRB_UNAUTHENTICATED, 0}, {"42501", TRB_DENIED, 0}, {"3D", TRB_PRECONDITION, 0}, {"3F", TRB_PRECONDITION, 0},
    {"42", TRB_PRECONDITION, 0}, {"22", TRB_INVALID, 0}, {"23", TRB_PRECONDITION, 0}, {"0A", TRB_UNIMPLEMENTED, 0},
};

static void set_code(struct trb_error *err, const char *state)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strncmp(state, codes[i].state, strlen(codes[i].state)))
            continue;
        err->code = codes[i].code;
        err->retryable = codes[i].retryable;
        return;
    }
}

void pg_error_read(const PGresult *r, struct trb_error *ret_err)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    char sentence[400];
    pg_sentence(text ? text : PQresultErrorMessage(r), sentence, sizeof sentence);
    trb_error(ret_err, TRB_INTERNAL, "POSTGRES", "%s%s%.*s%s%s%s", sentence, detail ? ": " : "", 60, detail ? detail : "",
              state ? " (SQLSTATE " : "", state ? state : "", state ? ")" : "");
    if (state)
        set_code(ret_err, state);
}

void pg_sentence(const char *text, char *ret, size_t room)
{
    size_t len = 0;
    bool is_gap = false;
    for (; *text && len + 2 < room; text++) {
        if (*text == '\n' || *text == '\t' || *text == ' ') {
            is_gap = len > 0;
            continue;
        }
        if (is_gap)
            ret[len++] = ' ';
        is_gap = false;
        ret[len++] = *text;
    }
    ret[len] = 0;
}

/* ---------------------------------------------------------------------------------------- text[] */
#define TEXT_TYPE 25u

static char *put(char *to, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *to++ = (char)(number >> shift);
    return to;
}

size_t pg_texts_room(uint32_t count, size_t bytes)
{
    return 20 + (size_t)count * 4 + bytes;
}

/* Dimensions, no NULLs, element type, length, first index. */
char *pg_texts_begin(char *to, uint32_t count)
{
    to = put(put(put(to, count ? 1 : 0), 0), TEXT_TYPE);
    return count ? put(put(to, count), 1) : to;
}

char *pg_texts_add(char *to, struct trb_slice text)
{
    to = put(to, (uint32_t)text.len);
    memcpy(to, text.at, text.len);
    return to + text.len;
}
