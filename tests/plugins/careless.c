/* state.careless: a store that answers each call once and breaks the rest of the contract, one way per
 * option. Only tests load it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <trilby/state.h>
#include <unistd.h>

#define GOOD 0u
#define SLEEPS 1u
#define TOUCHES 2u
#define READS_BEHIND 3u
#define LEAKS_BUFFER 4u
#define LEAKS_DESCRIPTOR 5u
#define LEAKS_THREAD 6u
#define SHOWS_SECRET 7u
#define SPEAKS_AFTER_STOP 8u
#define FORGETS_STOP 9u
#define TAKES_SIGNALS 10u
#define CRASHES 11u
#define BLOCKS 12u
#define CRASHES_ITSELF 13u

struct careless {
    uint32_t how;
    const char *secret;
    struct trb_buf *kept;
};

static const struct trb_option options[] = {
    TRB_CHOICE(struct careless, how, "how", .fallback = "good", .doc = "What to be careless with.",
               .choices = "good|sleeps|touches|reads-behind|leaks-buffer|leaks-descriptor|leaks-thread|shows-secret|"
                          "speaks-after-stop|forgets-stop|takes-signals|crashes|blocks|crashes-itself"),
    TRB_STRING(struct careless, secret, "password", .sensitive = 1, .doc = "A secret."),
};

static void absent(struct trb_call *call)
{
    struct trb_state_item item = {.size = sizeof item};
    call->host->done(call, &item, sizeof item);
}

static volatile char seen;

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    struct careless *c = self;
    char *bytes;
    switch (c->how) {
    case SLEEPS: usleep(400000); break;
    case TOUCHES: absent(call); seen = q->key.at[0]; return;
    case READS_BEHIND: seen = ((const char *)question)[q->size]; break;
    case LEAKS_BUFFER: c->kept = call->host->buf_new(call->origin, 10, &bytes); break;
    case CRASHES: abort();
    case BLOCKS: usleep(2500000); break;
    case CRASHES_ITSELF: *(volatile char *)0 = 1; break;
    default: break;
    }
    absent(call);
}

static void set(void *self, struct trb_call *call, const void *question)
{
    trb_done(call);
}

/* Steps by sizeof of its own, as if nothing could ever grow. */
static void bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    const struct trb_state_get *one = q->items.at;
    struct trb_state_item item = {.size = sizeof item};
    for (uint32_t i = 0; i < q->items.count; i++)
        seen = one[i].key.at[one[i].key.len];
    for (uint32_t i = 0; i < q->items.count; i++)
        call->host->item(call, i, &item, sizeof item, NULL);
    trb_done(call);
}

static void *live_on(void *unused)
{
    for (;;)
        pause();
    return NULL;
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct careless *c = self;
    pthread_t id;
    if (c->how == LEAKS_DESCRIPTOR)
        (void)!open("/dev/null", O_RDONLY);
    if (c->how == LEAKS_THREAD || c->how == TAKES_SIGNALS)
        pthread_create(&id, NULL, live_on, NULL);
    if (c->how == SHOWS_SECRET)
        trb_log(call->host, call->origin, TRB_LOG_INFO, "connecting with %s", c->secret ? c->secret : "nothing");
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct careless *c = self;
    const struct trb_host *host = call->host;
    const struct trb_origin *origin = call->origin;
    if (c->how == FORGETS_STOP)
        return;
    trb_done(call);
    if (c->how == SPEAKS_AFTER_STOP)
        host->log(origin, TRB_LOG_INFO, "one more thing");
}

static const struct trb_state_ops ops = {.size = sizeof ops, .get = get, .set = set, .remove = set, .bulk_get = bulk_get};
static const struct trb_component careless = {
    .size = sizeof careless, .block = "state", .type = "state.careless", .version = "v1", .summary = "A careless store.",
    .run = TRB_ON_LOOP, TRB_SELF(struct careless, options), .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN_FLAGS(0, "careless", "1.0.0", "Apache-2.0", &careless);
