/* runner: forks, waits, and says what became of the case. */
#include "runner.h"
#include "guarded.h"
#include "law.h"
#include <base/check.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int report_fd = -1;

static void hear(uint32_t level, const char *line)
{
    static const char *const words[] = {"debug", "info", "warning", "error"};
    fprintf(stderr, "    %s: %s\n", words[level <= TRB_LOG_ERROR ? level : TRB_LOG_ERROR], line);
}

/* ------------------------------------------------------------------------------ inside the child */
static void send_result(const struct result *r)
{
    const char *at = (const void *)r;
    for (size_t sent = 0; sent < sizeof *r;) {
        ssize_t n = write(report_fd, at + sent, sizeof *r - sent);
        if (n <= 0 && errno != EINTR)
            return;
        sent += n > 0 ? (size_t)n : 0;
    }
}

/* A fault that we caused has a story that the signal's number does not tell. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    const char *what = guarded_owner_of(info->si_addr);
    if (what) {
        struct result r = {.verdict = RESULT_FAILED};
        snprintf(r.why, sizeof r.why, "it touched %s", what);
        send_result(&r);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void expect_faults(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
}

static bool threads_are_gone(void *arg)
{
    return house_count().threads <= *(uint32_t *)arg;
}

static void end_of_house(struct test *t, uint32_t threads)
{
    house_close();
    EXPECT(t, house_wait(threads_are_gone, &threads, 5 * CLOCK_S),
           "%u threads of the component outlive its stop", house_count().threads - threads + t->subject->foreign_threads);
    EXPECT(t, atomic_load(&shim_counts.buffers) <= 0, "%lld buffers of the component were never released",
           (long long)atomic_load(&shim_counts.buffers));
    EXPECT(t, atomic_load(&shim_counts.unanswered) <= 0, "%lld calls were never answered",
           (long long)atomic_load(&shim_counts.unanswered));
}

/* A promise that start has taken back, having seen the product. */
static bool is_narrowed(const struct test *t, const struct test_case *c)
{
    return t->instance && (c->caps & ~atomic_load(&t->instance->caps));
}

static void run_here(const struct subject *s, const struct test_case *c, const struct runner_ways *ways,
                     struct result *ret)
{
    struct test t = {.subject = s};
    uint32_t threads = house_count().threads + s->foreign_threads;
    uint64_t began = clock_now_ns();
    shim_ways.hear = ways->is_verbose ? hear : NULL;
    house_open();
    if (c->starts_itself || test_start(&t)) {
        if (is_narrowed(&t, c))
            test_skip(&t, "the component has narrowed its promise: this product cannot do it");
        else
            c->run(&t);
        if (test_stop(&t))
            end_of_house(&t, threads);
    }
    if (law_breaches())
        law_take(&t.failures);
    ret->took_ns = clock_now_ns() - began;
    ret->checks = t.checks;
    ret->verdict = t.failures.len ? RESULT_FAILED : t.skipped ? RESULT_SKIPPED : RESULT_PASSED;
    snprintf(ret->why, sizeof ret->why, "%s", t.failures.len ? t.failures.at : t.skipped ? t.skipped : "");
    text_fini(&t.failures);
}

static void child(const struct subject *s, const struct test_case *c, const struct runner_ways *ways)
{
    struct result r = {0};
    if (!ways->is_verbose) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        log_start(&(struct log_setup){.app_id = "conform", .level = LOG_FATAL, .fd = nowhere});
    } else {
        log_start(&(struct log_setup){.app_id = "conform", .level = LOG_DEBUG, .fd = 2});
    }
    expect_faults();
    run_here(s, c, ways, &r);
    log_stop();
    send_result(&r);
    exit(0);                                   /* sanitizers look for leaks now */
}

/* ----------------------------------------------------------------------------- outside of it */
static bool receive(int fd, struct result *ret, uint64_t limit_ns)
{
    uint64_t end = clock_now_ns() + limit_ns;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t got = 0;
    while (got < sizeof *ret) {
        uint64_t now = clock_now_ns();
        if (now >= end || poll(&p, 1, (int)((end - now) / CLOCK_MS) + 1) == 0)
            return false;
        ssize_t n = read(fd, (char *)ret + got, sizeof *ret - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (got < sizeof *ret)
        memset(ret, 0, sizeof *ret), ret->verdict = RESULT_FAILED;
    return true;
}

static void add_why(struct result *r, const char *format, ...)
{
    size_t len = strlen(r->why);
    va_list ap;
    r->verdict = RESULT_FAILED;
    if (len && len + 3 < sizeof r->why)
        len += (size_t)snprintf(r->why + len, sizeof r->why - len, "; ");
    va_start(ap, format);
    vsnprintf(r->why + len, sizeof r->why - len, format, ap);
    va_end(ap);
}

static void bury(pid_t pid, bool in_time, const struct runner_ways *ways, struct result *r)
{
    int status = 0;
    if (!in_time) {
        kill(pid, SIGKILL);
        add_why(r, "it did not end within %llu s", (unsigned long long)(ways->limit_ns / CLOCK_S));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (in_time && WIFSIGNALED(status))
        add_why(r, "the process ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 3)
        add_why(r, "start was not answered, not even after its time was over");
    else if (in_time && WIFEXITED(status) && WEXITSTATUS(status))
        add_why(r, "the process ended with status %d (a sanitizer's report is above)", WEXITSTATUS(status));
}

void runner_run(const struct subject *s, const struct test_case *c, const struct runner_ways *ways, struct result *ret)
{
    int ends[2];
    uint64_t began = clock_now_ns();
    memset(ret, 0, sizeof *ret);
    if (ways->in_this_process) {
        run_here(s, c, ways, ret);
        return;
    }
    check(pipe2(ends, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t pid = fork();
    check(pid >= 0);
    if (!pid) {
        close(ends[0]);
        report_fd = ends[1];
        child(s, c, ways);
    }
    close(ends[1]);
    bool in_time = receive(ends[0], ret, ways->limit_ns);
    close(ends[0]);
    bury(pid, in_time, ways, ret);
    if (!ret->took_ns)
        ret->took_ns = clock_now_ns() - began;
}
