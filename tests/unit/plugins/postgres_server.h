/* postgres_server: a real PostgreSQL for a test, that can crash, be stalled and started again at the same port; and
 * psql to look at what it holds and to write what others would have written. */
#ifndef TEST_POSTGRES_SERVER_H
#define TEST_POSTGRES_SERVER_H

#include "stall.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct postgres_server {
    char folder[64], url[128], port[8];
};

static inline int postgres_do(const struct postgres_server *s, const char *what)
{
    char command[256];
    snprintf(command, sizeof command, "tests/services/postgres %s %s/server >/dev/null", what, s->folder);
    return system(command);
}

static inline void postgres_start(struct postgres_server *s)
{
    char path[128];
    snprintf(s->folder, sizeof s->folder, "/tmp/unit-postgres-XXXXXX");
    if (!mkdtemp(s->folder) || postgres_do(s, "start"))
        abort();
    snprintf(path, sizeof path, "%s/server/port", s->folder);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%7s", s->port) != 1)
        abort();
    fclose(f);
    snprintf(s->url, sizeof s->url, "postgres://postgres@127.0.0.1:%s/postgres?sslmode=disable", s->port);
}

static inline void postgres_stop(struct postgres_server *s)
{
    postgres_do(s, "stop");
    rmdir(s->folder);
}

/* Rows as "a|b;c|d". Errors too, so that a wrong statement fails the test that compares. */
static inline const char *postgres_say(const struct postgres_server *s, const char *sql)
{
    static _Thread_local char answer[16384];
    char command[8192];
    snprintf(command, sizeof command, "psql '%s' -v ON_ERROR_STOP=1 -qAt 2>&1 <<'END'\n%s\nEND", s->url, sql);
    FILE *f = popen(command, "r");
    size_t len = f ? fread(answer, 1, sizeof answer - 1, f) : 0;
    if (f)
        pclose(f);
    while (len && answer[len - 1] == '\n')
        len--;
    answer[len] = 0;
    for (char *at = answer; *at; at++)
        if (*at == '\n')
            *at = ';';
    return answer;
}

/* Every session but psql's own, so that what is under way never ends. */
static inline void postgres_signal(const struct postgres_server *s, int number)
{
    static _Thread_local char pids[4096];
    if (number == SIGSTOP)
        snprintf(pids, sizeof pids, "%.4095s", postgres_say(s, "select pid from pg_stat_activity where backend_type = 'client backend' "
                                                          "and pid <> pg_backend_pid()"));
    for (char *at = pids, *next; *at; at = next) {
        long pid = strtol(at, &next, 10);
        if (pid > 1 && number == SIGSTOP)
            stall((int)pid);
        else if (pid > 1)
            kill((pid_t)pid, number);
        next += *next == ';';
    }
}

#endif
