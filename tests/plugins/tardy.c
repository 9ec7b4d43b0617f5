/* state.tardy: a store that cannot start, and takes its time to stop, on a thread of its own. Only tests load it. */
#include <poll.h>
#include <pthread.h>
#include <trilby/state.h>

struct tardy {
    uint32_t unused;
};

static const struct trb_option options[] = {
    TRB_BOOL(struct tardy, unused, "unused", .doc = "Nothing."),
};

static void start(void *self, struct trb_call *call, const void *setup)
{
    trb_fail(call, TRB_UNAVAILABLE, "TARDY", "it was told to fail");
}

static void *stop_slowly(void *arg)
{
    struct trb_call *call = arg;
    poll(NULL, 0, 500);
    call->host->log(call->origin, TRB_LOG_INFO, "stopped at last");
    trb_done(call);
    return NULL;
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, stop_slowly, call))
        trb_done(call);
    else
        pthread_detach(thread);
}

static void none(void *self, struct trb_call *call, const void *question)
{
    trb_done(call);
}

static const struct trb_state_ops ops = {.size = sizeof ops, .get = none, .set = none, .remove = none};
static const struct trb_component tardy = {
    .size = sizeof(struct trb_component), .type = "state.tardy", .version = "v1", .summary = "For tests.", .block = "state",
    .run = TRB_ANYWHERE, .start = start, .stop = stop, .ops = &ops, TRB_SELF(struct tardy, options)};
TRB_PLUGIN_FLAGS(0, "tardy", "1.0.0", "Apache-2.0", &tardy);
