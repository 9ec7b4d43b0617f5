/* crash: the report is written without allocating; bodies, headers and queries are not in it, because
 * they may be secret. */
#include <request/request.h>
#include <runtime/crash.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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

static void on_fatal(int number)
{
    char line[80];
    int len = snprintf(line, sizeof line, "trilby: fatal signal %d\n", number);
    say(line, (size_t)len);
    tell_requests();
    raise(number);
}

void crash_watch(void)
{
#ifndef TRB_SANITIZED
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        sigaction(fatal[i], &action, NULL);
#else
    (void)on_fatal;
#endif
    check_on_failure(tell_requests);
}
