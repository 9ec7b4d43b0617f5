/* reaper: a process file descriptor on the main loop. */
#include <base/log.h>
#include <base/mem.h>
#include <isolate/reaper.h>
#include <loop/loop.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct reaper {
    pid_t pid;
    int fd;
    struct watch watch;
    char *component;
    void (*gone)(void *);
    void *arg;
};

static void tell(const struct reaper *r, int status)
{
    if (WIFSIGNALED(status))
        log_warn("dapr.runtime", "component '%s': its process %d ended by signal %d (%s)", r->component, (int)r->pid,
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        log_warn("dapr.runtime", "component '%s': its process %d ended with status %d", r->component, (int)r->pid,
                 WEXITSTATUS(status));
}

static void on_ready(void *arg, uint32_t what)
{
    struct reaper *r = arg;
    int status = 0;
    if (waitpid(r->pid, &status, WNOHANG) != r->pid)
        return;
    watch_end(&r->watch);
    close(r->fd);
    tell(r, status);
    if (r->gone)
        r->gone(r->arg);
    mem_free(r->component);
    mem_free(r);
}

/* Without a descriptor to spare nobody would hear of its end: it ends here. */
static struct reaper *give_up(struct reaper *r)
{
    if (r->fd >= 0)
        close(r->fd);
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    mem_free(r->component);
    return mem_free(r);
}

struct reaper *reaper_create(pid_t pid, const char *component, void (*gone)(void *), void *arg)
{
    struct reaper *r = mem_zero(sizeof *r);
    r->pid = pid;
    r->component = mem_text(component, strlen(component));
    r->gone = gone;
    r->arg = arg;
    r->fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (r->fd >= 0 && !watch_set(loop_at(0), &r->watch, r->fd, LOOP_READ, on_ready, r, NULL))
        return r;
    return give_up(r);
}

void reaper_kill(struct reaper *r)
{
    kill(r->pid, SIGKILL);                             /* it is ours until it is reaped */
}

struct reaper *reaper_forget(struct reaper *r)
{
    if (r)
        r->gone = NULL;
    return NULL;
}

uint64_t reaper_cpu_ns(const struct reaper *r)
{
    clockid_t clock;
    struct timespec used = {0};
    if (!r || clock_getcpuclockid(r->pid, &clock) || clock_gettime(clock, &used))
        return 0;
    return (uint64_t)used.tv_sec * 1000000000ull + (uint64_t)used.tv_nsec;
}
