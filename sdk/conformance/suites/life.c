/* life: starting and stopping, once, twice, a hundred times. */
#include "../judge.h"
#include "../law.h"
#include <base/error.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMES 100u

static void once(struct test *t)
{
    if (!test_start(t))
        return;
    uint32_t selves = t->subject->component->run == TRB_ON_LOOP ? HOUSE_LOOPS : 1;
    EXPECT(t, atomic_load(&shim_counts.starts) == selves, "start ran %lld times for %u instances",
           (long long)atomic_load(&shim_counts.starts), selves);
    test_stop(t);
    EXPECT(t, atomic_load(&shim_counts.stops) == selves, "stop ran %lld times for %u instances",
           (long long)atomic_load(&shim_counts.stops), selves);
}

static bool has_settled(void *arg)
{
    struct belongings now = house_count(), *want = arg;
    return now.threads <= want->threads && now.descriptors <= want->descriptors;
}

/* The first time may leave something behind for the process: a client library's own. */
static void hundredfold(struct test *t)
{
    struct belongings before = {0}, now;
    house_warm();
    for (uint32_t i = 0; i < TIMES; i++) {
        if (!test_start(t) || !test_stop(t)) {
            EXPECT(t, false, "that was time %u", i + 1);
            return;
        }
        if (i == 1)
            before = house_count();
    }
    house_wait(has_settled, &before, 5 * CLOCK_S);
    now = house_count();
    EXPECT(t, now.threads <= before.threads, "threads grew from %u to %u in %u starts and stops", before.threads,
           now.threads, TIMES);
    EXPECT(t, now.descriptors <= before.descriptors, "descriptors grew from %u to %u in %u starts and stops",
           before.descriptors, now.descriptors, TIMES);
}

static void two_at_once(struct test *t)
{
    struct instance *second = NULL;
    struct trb_error err = ERROR_INIT;
    REQUIRE(t, !instance_up(t, NULL, &second, &err), "a second one beside the first does not start: %s", err.message);
    instance_down(t, second);
    EXPECT(t, probe(t), "the first one does not answer after the second has stopped");
}

static void answer_ping(struct call *c, void *arg)
{
    call_release(c);
    bell_ring(arg);
}

struct pinging {
    struct test *test;
    struct bell over;
};

static void ping_there(void *arg)
{
    struct pinging *p = arg;
    struct call_question q = {.function = p->test->instance->component->ping, .question = &p->test->instance->setup};
    call_ask(p->test->instance, &q, answer_ping, &p->over);
}

static void pings(struct test *t)
{
    struct pinging p = {.test = t};
    if (!t->subject->component->ping) {
        test_skip(t, "it has no ping");
        return;
    }
    house_run(1, ping_there, &p);
    EXPECT(t, bell_wait(&p.over, PATIENCE_NS), "ping was not answered");
}

/* ------------------------------------------------------------- what it adds to the process */
static bool is_blocked(unsigned long long mask, int number)
{
    return mask & (1ull << (number - 1));
}

static void check_thread(struct test *t, const char *tid)
{
    char path[300], line[256], name[64] = "";
    unsigned long long mask = ~0ull;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", tid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Name: %63s", name);
        sscanf(line, "SigBlk: %llx", &mask);
    }
    if (f)
        fclose(f);
    EXPECT(t, is_blocked(mask, SIGTERM) && is_blocked(mask, SIGINT) && is_blocked(mask, SIGHUP),
           "its thread '%s' may take a signal that is meant for the host: block all of them before pthread_create", name);
}

struct names {
    char at[256][32];
    uint32_t count;
};

static void list(const char *folder, struct names *ret)
{
    DIR *d = opendir(folder);
    ret->count = 0;
    for (struct dirent *e; d && (e = readdir(d)) && ret->count < 256;)
        if (e->d_name[0] != '.')
            snprintf(ret->at[ret->count++], sizeof ret->at[0], "%.31s", e->d_name);
    if (d)
        closedir(d);
}

static bool is_in(const struct names *n, const char *name)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (!strcmp(n->at[i], name))
            return true;
    return false;
}

static void touch(void *unused)
{
}

static void threads_take_no_signals(struct test *t)
{
    static struct names before, after;
    house_run(0, touch, NULL);
    house_run(1, touch, NULL);
    list("/proc/self/task", &before);
    if (!test_start(t))
        return;
    list("/proc/self/task", &after);
    uint32_t own = 0;
    for (uint32_t i = 0; i < after.count; i++)
        if (!is_in(&before, after.at[i]) && t->subject->component->run != TRB_ON_WORKERS)
            own++, check_thread(t, after.at[i]);
    if (!own)
        test_skip(t, "it makes no threads that could be told from the host's");
}

static void descriptors_close_on_exec(struct test *t)
{
    static struct names before, after;
    if (t->subject->foreign_descriptors) {
        test_skip(t, "its client library opens them (--foreign-descriptors)");
        return;
    }
    list("/proc/self/fd", &before);
    if (!test_start(t))
        return;
    probe(t);
    list("/proc/self/fd", &after);
    for (uint32_t i = 0; i < after.count; i++) {
        int fd = atoi(after.at[i]), flags = fcntl(fd, F_GETFD);
        EXPECT(t, is_in(&before, after.at[i]) || flags < 0 || flags & FD_CLOEXEC,
               "descriptor %d would be inherited by every program that the host starts: open it with O_CLOEXEC", fd);
    }
}

const struct test_case suite_life[] = {
    {"life", "starts and stops, each answered once", once, .starts_itself = 1},
    {"life", "has two instances side by side", two_at_once},
    {"life", "answers ping", pings},
    {"life", "blocks signals in its threads", threads_take_no_signals, .starts_itself = 1},
    {"life", "opens descriptors that close on exec", descriptors_close_on_exec, .starts_itself = 1},
    {"life", "starts and stops a hundred times and leaves nothing", hundredfold, .starts_itself = 1},
    {0},
};
