/* stop.c: `trilby stop`: end runs by the id of their app, and wait until they are gone.
 * Not able to stop what another user started. */
#include "cli/command.h"
#include "cli/say.h"
#include "cli/sidecars.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STOP_WITHIN_MS = 30000 };

const struct flag stop_flags[] = {
    {"app-id", 'a', FLAG_LIST, "ID", NULL, NULL, NULL, "The id of an application to stop."},
    {"run-file", 'f', FLAG_TEXT, "FILE", NULL, NULL, NULL,
     "Stop the applications of a file. Not available yet."},
    {"kubernetes", 'k', FLAG_SWITCH, NULL, NULL, NULL, NULL,
     "Stop what runs in Kubernetes. Not available yet."},
    {0},
};

const struct section stop_sections[] = {
    {"EXIT STATUS",
     "0  every application named was found and has ended\n"
     "1  one of them was not found or did not end within 30 seconds\n"
     "2  the command line made no sense\n"},
    {"EXAMPLES",
     "trilby stop --app-id orders\n"
     "trilby stop orders payments\n"},
    {0},
};

/* A handle of the process, so that a number used again by another one cannot be hit. */
static bool end_process(pid_t pid, struct reason *why)
{
    int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    if (handle < 0)
        return errno == ESRCH || reason_set(why, "process %d: %s", (int)pid, strerror(errno));
    bool is_sent = !syscall(SYS_pidfd_send_signal, handle, SIGTERM, NULL, 0) || errno == ESRCH;
    int error = errno;
    struct pollfd wait = {.fd = handle, .events = POLLIN};
    bool is_over = is_sent && poll(&wait, 1, STOP_WITHIN_MS) == 1;
    close(handle);
    if (!is_sent)
        return reason_set(why, "process %d: %s", (int)pid, strerror(error));
    return is_over || reason_set(why, "process %d did not end within %d seconds", (int)pid,
                                 STOP_WITHIN_MS / 1000);
}

static bool stop_app(const struct sidecars *all, const char *app_id, struct reason *why)
{
    bool is_found = false, is_stopped = true;
    for (size_t i = 0; i < all->count; i++) {
        const struct sidecar *s = &all->at[i];
        if (strcmp(s->app_id, app_id))
            continue;
        is_found = true;
        is_stopped = end_process(s->cli_pid ? s->cli_pid : s->pid, why) && is_stopped;
    }
    return is_found ? is_stopped : reason_set(why, "couldn't find app id %s", app_id);
}

static bool refuse(const struct flags *flags, struct reason *why)
{
    if (flags_is_given(flags, "run-file"))
        return reason_set(why,
                          "--run-file is not available yet: name the applications with --app-id");
    if (flags_is_on(flags, "kubernetes"))
        return reason_set(
            why, "--kubernetes is not available yet: trilby stop ends programs of this machine");
    return true;
}

static int stop_each(const struct sidecars *all, const struct words *ids)
{
    int status = 0;
    for (size_t i = 0; i < ids->count; i++) {
        struct reason why;
        if (stop_app(all, ids->at[i], &why)) {
            say(SAY_SUCCESS, "app stopped successfully: %s", ids->at[i]);
        } else {
            say(SAY_FAILURE, "failed to stop app id %s: %s", ids->at[i], why.text);
            status = 1;
        }
    }
    return status;
}

int stop_perform(const struct flags *flags)
{
    const struct words *given = flags_list(flags, "app-id");
    struct sidecars all;
    struct reason why;
    if (!refuse(flags, &why)) {
        say(SAY_FAILURE, "%s", why.text);
        return 1;
    }
    if (!given->count && !flags->rest.count) {
        say(SAY_FAILURE, "which app? Name it: trilby stop --app-id ID (`trilby list` shows them)");
        return EXIT_USAGE;
    }
    sidecars_find(&all);
    int named = stop_each(&all, given), added = stop_each(&all, &flags->rest);
    sidecars_fini(&all);
    return named || added;
}
