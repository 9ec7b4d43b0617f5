/* libpq_loop: what a plain libpq loop in pipeline mode can do: one connection, one prepared statement, a sync behind
 * each, always so many in flight. The yardstick of the PostgreSQL components.
 *
 *     libpq_loop URL SECONDS IN-FLIGHT STATEMENT PARAMETER...      prints operations per second
 *
 * Parameters are text; "NULL" is NULL. Built and run by tests/bench. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static PGconn *conn;
static const char *values[16];
static int lengths[16], formats[16], count;

static void give_up(const char *what)
{
    fprintf(stderr, "libpq_loop: %s: %s\n", what, PQerrorMessage(conn));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void send_one(void)
{
    if (!PQsendQueryPrepared(conn, "s", count, values, lengths, formats, 1) || !PQpipelineSync(conn))
        give_up("cannot send");
}

static int await(void)
{
    struct pollfd p = {.fd = PQsocket(conn), .events = POLLIN};
    int left = PQflush(conn);
    if (left < 0)
        give_up("cannot flush");
    if (left)
        p.events |= POLLOUT;
    poll(&p, 1, 1000);
    if (!PQconsumeInput(conn))
        give_up("cannot read");
    return left;
}

/* How many transactions have ended. */
static int take(void)
{
    int done = 0, nulls = 0;
    while (nulls < 2 && !PQisBusy(conn)) {
        PGresult *r = PQgetResult(conn);
        nulls = r ? 0 : nulls + 1;
        if (r && PQresultStatus(r) == PGRES_PIPELINE_SYNC)
            done++;
        else if (r && PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
            give_up("a statement failed");
        PQclear(r);
    }
    return done;
}

int main(int argc, char **argv)
{
    Oid types[16];
    if (argc < 5 || argc > 5 + 16)
        return 2;
    double seconds = atof(argv[2]), begin;
    int in_flight = atoi(argv[3]), flying = 0;
    long total = 0;
    for (int i = 5; i < argc; i++, count++) {
        types[count] = 25;
        values[count] = strcmp(argv[i], "NULL") ? argv[i] : NULL;
        lengths[count] = (int)strlen(argv[i]);
        formats[count] = 1;
    }
    conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK)
        give_up("cannot connect");
    PGresult *r = PQprepare(conn, "s", argv[4], count, types);
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        give_up("cannot prepare");
    PQclear(r);
    PQsetnonblocking(conn, 1);
    PQenterPipelineMode(conn);
    for (begin = now(); now() - begin < seconds;) {
        for (; flying < in_flight; flying++)
            send_one();
        await();
        int done = take();
        flying -= done;
        total += done;
    }
    printf("%.0f\n", (double)total / (now() - begin));
    return 0;
}
