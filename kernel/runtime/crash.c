/* crash: the report is written without allocating; bodies, headers and queries are not in it, because
 * they may be secret. */
#include <base/check.h>
#include <base/doing.h>
#include <fcntl.h>
#include <request/request.h>
#include <runtime/crash.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static void say(const char *text, size_t len)
{
    if (write(2, text, len) < 0)
        return;
}

static void tell_request(struct request *rq, void *arg)
{
    char line[640], trail[400];
    request_trail_text(rq, trail, sizeof trail);
    int len = snprintf(line, sizeof line, "trilby: in flight on loop %u: %.*s %s: %s\n", *(const uint32_t *)arg,
                       (int)rq->method.len, rq->method.at ? rq->method.at : "",
                       rq->route ? rq->route->path : rq->rpc ? rq->rpc->name : "task", trail);
    say(line, len < (int)sizeof line ? (size_t)len : sizeof line - 1);
}

static void tell_requests(void)
{
    for (uint32_t i = 0; i < loop_count(); i++)
        request_each(i, tell_request, &i);
}

/* ------------------------------------------------------------------------------------- whose code */
/* Whose plugin this thread is in. A plugin that calls libc and dies there is named by this. */
static void tell_doing(void)
{
    char line[320];
    const char *what = atomic_load_explicit(&doing_here.what, memory_order_relaxed);
    if (!what)
        return;
    int len = snprintf(line, sizeof line, "trilby: it happened inside of the component %s\n", what);
    say(line, len < (int)sizeof line ? (size_t)len : sizeof line - 1);
}

/* "7f12…-7f13… r-xp 00001000 … /path": is pc in it? Then ret_file and ret_offset say where in the file. */
static bool line_has(const char *line, uintptr_t pc, const char **ret_file, uintptr_t *ret_offset)
{
    unsigned long from, to, offset;
    if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &offset) != 3 || pc < from || pc >= to)
        return false;
    const char *file = strchr(line, '/');
    *ret_file = file ? file : "memory of no file";
    *ret_offset = pc - from + offset;
    return true;
}

/* From the process's own map: a plugin's copy is a file in memory that bears its name. */
static void tell_file(uintptr_t pc)
{
    static char map[1 << 16];
    char line[400];
    size_t used = 0;
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && used + 1 < sizeof map && (got = read(fd, map + used, sizeof map - 1 - used)) > 0)
        used += (size_t)got;
    map[used] = 0;
    for (char *at = map, *end; (end = strchr(at, '\n')); at = end + 1) {
        const char *file;
        uintptr_t offset;
        *end = 0;
        if (!line_has(at, pc, &file, &offset))
            continue;
        int len = snprintf(line, sizeof line, "trilby: at 0x%lx of %s\n", (unsigned long)offset, file);
        say(line, len < (int)sizeof line ? (size_t)len : sizeof line - 1);
        return;
    }
}

static uintptr_t counter_of(const void *context)
{
#if defined(__x86_64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    return 0;
#endif
}

/* ---------------------------------------------------------------------------------------- signals */
static volatile sig_atomic_t is_told;

static void on_fatal(int number, siginfo_t *info, void *context)
{
    char line[80];
    if (!is_told) {
        is_told = 1;
        int len = snprintf(line, sizeof line, "trilby: fatal signal %d\n", number);
        say(line, (size_t)len);
        tell_doing();
        tell_file(counter_of(context));
        tell_requests();
    }
    raise(number);
}

static void on_failed_check(void)
{
    is_told = 1;                               /* the abort that follows has no more to say */
    tell_doing();
    tell_requests();
}

void crash_watch(void)
{
#ifndef TRB_SANITIZED
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER | SA_SIGINFO};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        sigaction(fatal[i], &action, NULL);
#else
    (void)on_fatal;
#endif
    check_on_failure(on_failed_check);
}
