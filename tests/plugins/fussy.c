/* state.fussy: comes up, and fails its ping where its file says so: what a copy that does not pass its self-test does. */
#include <string.h>
#include <unistd.h>
#include <trilby/state.h>

struct fussy {
    const char *path;
};

static const struct trb_option options[] = {
    TRB_STRING(struct fussy, path, "troubleFile", .required = 1, .doc = "While this file is there the ping fails."),
};

static void start(void *self, struct trb_call *call, const void *setup)
{
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *unused)
{
    if (access(((struct fussy *)self)->path, F_OK))
        trb_done(call);
    else
        trb_fail(call, TRB_UNAVAILABLE, "TROUBLE", "there is trouble");
}

static void get(void *self, struct trb_call *call, const void *question)
{
    struct trb_state_item item = {.size = sizeof item};
    call->host->done(call, &item, sizeof item);
}

static void nothing(void *self, struct trb_call *call, const void *question)
{
    trb_done(call);
}

static const struct trb_state_ops ops = {.size = sizeof ops, .get = get, .set = nothing, .remove = nothing};
static const struct trb_component fussy = {
    .size = sizeof fussy, .block = "state", .type = "state.fussy", .version = "v1", .summary = "Comes up, and may be ill.",
    .run = TRB_ANYWHERE, TRB_SELF(struct fussy, options), .ops = &ops, .start = start, .stop = nothing, .ping = ping,
};
TRB_PLUGIN("fussy", "1.0.0", "Apache-2.0", &fussy);
