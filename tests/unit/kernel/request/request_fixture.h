/* A loop in the test's own thread, and a door that notes what is said through it. */
#ifndef REQUEST_FIXTURE_H
#define REQUEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <request/private.h>
#include <stdio.h>
#include <string.h>

static struct loop *loop;

static int open_loop(void **state)
{
    loop = loop_create(0, NULL);
    loop_set_all(&loop, 1);
    return 0;
}

static int close_loop(void **state)
{
    loop_set_all(NULL, 0);
    loop_destroy(loop);
    return 0;
}

static void end_turns(void *arg)
{
    loop_stop(arg);
}

/* Runs what is queued, and what that queues in turn. */
static inline void run_queued(void)
{
    static struct job last;
    job_at_turn_end(loop, &last, end_turns, loop);
    loop_run(loop);
}

/* --------------------------------------------------------------------------------------- the door */
static struct said {
    char log[512];                             /* "whole 200 body;ended;release;" */
    size_t consumed;
    bool is_full;                              /* piece says that there is no more room */
} said;

static void hear(const char *format, ...)
{
    va_list ap;
    size_t len = strlen(said.log);
    va_start(ap, format);
    vsnprintf(said.log + len, sizeof said.log - len, format, ap);
    va_end(ap);
}

static void door_whole(struct request *rq, uint32_t status, struct trb_data body)
{
    hear("whole %u %.*s;", status, (int)body.len, body.at ? body.at : "");
}

static void door_head(struct request *rq, uint32_t status, int64_t length)
{
    hear("head %u %lld;", status, (long long)length);
}

static bool door_piece(struct request *rq, struct trb_data piece)
{
    hear("piece %.*s;", (int)piece.len, piece.at);
    return !said.is_full;
}

static void door_end(struct request *rq)
{
    hear("end;");
}

static void door_cut(struct request *rq)
{
    hear("cut;");
}

static void door_refuse(struct request *rq, const struct trb_refusal *r)
{
    hear("refuse %s;", r->row->code);
}

static void door_expire(struct request *rq)
{
    hear("expire;");
}

static void door_consume(struct request *rq, size_t bytes)
{
    said.consumed += bytes;
}

static void door_ended(struct request *rq)
{
    hear("ended;");
}

static void door_release(struct request *rq)
{
    hear("release;");
    arena_destroy(rq->arena);
}

static const struct request_door door = {
    .whole = door_whole, .head = door_head, .piece = door_piece, .end = door_end, .cut = door_cut,
    .refuse = door_refuse, .expire = door_expire, .consume = door_consume, .ended = door_ended,
    .release = door_release};

static inline struct request *born(void)
{
    struct request_birth birth = {.loop = loop, .arena = arena_create(1 << 20), .door_kind = TRB_DOOR_HTTP, .door = &door};
    memset(&said, 0, sizeof said);
    return request_create(&birth);
}

static inline struct trb_data data_of(const char *text)
{
    return (struct trb_data){text, strlen(text), NULL};
}

static inline struct trb_next reply_ok(struct trb_request *rq)
{
    hear("step;");
    return request_reply(request_of(rq), 200, data_of("ok"));
}

#endif
