/* child.c: fork, group, pipes, exec; and a way to hear that exec failed.
 * Not about what the child is for. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct pipes {
    int out[2], err[2], verdict[2];                 /* verdict: errno of a failed exec */
};

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

static bool open_pipes(struct pipes *p, struct reason *why)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (!pipe2(p->out, O_CLOEXEC) && !pipe2(p->err, O_CLOEXEC) && !pipe2(p->verdict, O_CLOEXEC))
        return true;
    int error = errno;
    close_pair(p->out);
    close_pair(p->err);
    close_pair(p->verdict);
    return reason_set(why, "cannot make a pipe: %s", strerror(error));
}

static void restore_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A group in the background may not read the terminal: it would be stopped by its first try. */
static void detach_terminal(void)
{
    int nothing = isatty(STDIN_FILENO) ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
}

__attribute__((noreturn)) static void become(const struct words *argv,
                                             const struct words *environment, const struct pipes *p,
                                             pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    detach_terminal();
    dup2(p->out[1], STDOUT_FILENO);
    dup2(p->err[1], STDERR_FILENO);
    for (size_t i = 0; environment && i < environment->count; i++)
        putenv(environment->at[i]);
    restore_signals();
    execvp(argv->at[0], argv->at);
    int error = errno;
    ssize_t ignored = write(p->verdict[1], &error, sizeof error);
    (void)ignored;
    _exit(127);
}

static struct lines lines_of(int pair[2], const char *prefix)
{
    close(pair[1]);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    return (struct lines){.fd = pair[0], .prefix = prefix};
}

static int verdict(int pair[2])
{
    int error = 0;
    close(pair[1]);
    ssize_t len;
    do
        len = read(pair[0], &error, sizeof error);
    while (len < 0 && errno == EINTR);
    close(pair[0]);
    return len == sizeof error ? error : 0;
}

bool child_start(struct child *c, const struct words *argv, const struct words *environment,
                 const char *prefix, int *ret_status, struct reason *why)
{
    struct pipes p;
    if (!open_pipes(&p, why)) {
        *ret_status = 1;
        return false;
    }
    pid_t parent = getpid(), pid = fork();
    if (!pid)
        become(argv, environment, &p, parent);
    if (pid < 0) {
        *ret_status = 1;
        reason_set(why, "cannot start \"%s\": %s", argv->at[0], strerror(errno));
        close_pair(p.out);
        close_pair(p.err);
        close_pair(p.verdict);
        return false;
    }
    setpgid(pid, pid);
    *c = (struct child){.pid = pid, .is_running = true};
    c->out = lines_of(p.out, prefix);
    c->err = lines_of(p.err, prefix);
    int error = verdict(p.verdict);
    if (!error)
        return true;
    waitpid(pid, &c->status, 0);
    child_finish_output(c);
    *c = (struct child){.out.fd = -1, .err.fd = -1};
    *ret_status = error == ENOENT ? 127 : 126;
    return reason_set(why, "cannot start \"%s\": %s", argv->at[0], strerror(error));
}

void child_signal_group(const struct child *c, int number)
{
    if (c->pid)
        kill(-c->pid, number);
}

bool child_is_gone(const struct child *c)
{
    return !c->pid || (!c->is_running && kill(-c->pid, 0) && errno == ESRCH);
}

void child_finish_output(struct child *c)
{
    lines_finish(&c->out);
    lines_finish(&c->err);
}

char *child_status_text(const struct child *c)
{
    if (WIFSIGNALED(c->status))
        return text_format("signal %d (%s)", WTERMSIG(c->status), strsignal(WTERMSIG(c->status)));
    return text_format("exit status %d", WEXITSTATUS(c->status));
}
