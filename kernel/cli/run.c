/* run.c: `trilby run`: decide, start the sidecar, watch.
 * Not the decisions (plan.c) and not the watching (watch.c). */
#include "cli/command.h"
#include "cli/say.h"
#include "cli/watch.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void take_over_signals(struct watch *w)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        /* A shell starts background jobs with SIGINT ignored, and a parent may ignore its
         * children's end; only nohup's wish is kept. */
        if (numbers[i] != SIGHUP)
            signal(numbers[i], SIG_DFL);
        sigaddset(&set, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void tell_start(const struct plan *plan)
{
    if (plan->socket_folder) {
        say(SAY_INFO,
            "Starting Dapr with id %s. HTTP Socket: %s. gRPC Socket: %s/dapr-%s-grpc.socket.",
            plan->app_id, plan->api.socket, plan->socket_folder, plan->app_id);
        return;
    }
    say(SAY_INFO, "Starting Dapr with id %s. HTTP Port: %d. gRPC Port: %d", plan->app_id,
        plan->http_port, plan->grpc_port);
    say(SAY_PENDING, "Checking if Dapr sidecar is listening on HTTP port %d", plan->http_port);
}

static int run_plan(struct plan *plan)
{
    struct watch w = {.plan = plan, .call.fd = -1};
    struct reason why;
    take_over_signals(&w);
    tell_start(plan);
    if (child_start(&w.sidecar, &plan->sidecar, NULL, "== DAPR == ", &w.exit_status, &why))
        return watch_until_over(&w);
    say(SAY_FAILURE, "%s", why.text);
    return 1;
}

int run_perform(const struct flags *flags)
{
    struct plan plan;
    struct reason why;
    int status = 1;
    if (plan_make(&plan, flags, &why))
        status = run_plan(&plan);
    else
        say(SAY_FAILURE, "%s", why.text);
    plan_fini(&plan);
    return status;
}
