/* keeping_host: as much of a host as a component needs that hands over what it keeps: buffers, a log whose errors are
 * counted, and the answer of the last call. One thread. */
#ifndef KEEPING_HOST_H
#define KEEPING_HOST_H

#include <stdlib.h>
#include <string.h>
#include <trilby/plugin.h>

struct trb_buf {
    uint32_t refs;
    char bytes[];
};

static struct trb_data answered;               /* a reference, of the last hand_over */
static uint32_t errors;                        /* lines of the log */

static struct trb_buf *buf_new(const struct trb_origin *origin, size_t len, char **ret_bytes)
{
    struct trb_buf *b = malloc(sizeof *b + len);
    b->refs = 1;
    *ret_bytes = b->bytes;
    return b;
}

static struct trb_buf *buf_ref(struct trb_buf *b)
{
    b->refs++;
    return b;
}

static struct trb_buf *buf_unref(struct trb_buf *b)
{
    if (b && !--b->refs)
        free(b);
    return NULL;
}

static void on_log(const struct trb_origin *origin, uint32_t level, const char *line)
{
    errors += level == TRB_LOG_ERROR;
}

static uint64_t now_ns(void)
{
    return 1;
}

static void on_done(struct trb_call *call, const void *answer, size_t size)
{
    if (answer)
        answered = *(const struct trb_data *)answer;
}

static void on_fail(struct trb_call *call, const struct trb_error *err)
{
    abort();
}

static const struct trb_host keeping_host = {
    .size = sizeof keeping_host, .abi_minor = TRB_ABI_MINOR, .done = on_done, .fail = on_fail, .buf_new = buf_new,
    .buf_ref = buf_ref, .buf_unref = buf_unref, .log = on_log, .now_ns = now_ns};
static struct trb_call keeping_call = {.size = sizeof keeping_call, .host = &keeping_host};

/* What self hands over; the caller gives answer.owner back. */
static struct trb_data handed_over(trb_verb *hand_over, void *self)
{
    answered = (struct trb_data){0};
    hand_over(self, &keeping_call, NULL);
    if (!answered.owner)
        abort();
    return answered;
}

#endif
