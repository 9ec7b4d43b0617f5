/* discover: asks every socket of the folder, side by side, which services are there (gRPC server reflection), and
 * offers the types that they make. One that cannot be asked is logged; the others count. */
#include "kinds.h"
#include "reflection.h"
#include "socket.h"
#include <base/mem.h>
#include <base/slice.h>
#include <trilby/services.h>

#define PATIENCE_NS 4000000000ll                /* below the kernel's for one component's start */
#define MAX_REPLY (4u << 20)

struct discovery {
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct trb_call *starting;
    struct list asked;
    uint32_t owed;
};

struct asked {                                  /* one socket */
    struct list link;
    struct discovery *discovery;
    struct grpc_config config;
    struct grpc *grpc;
    struct grpc_call *stream;
    struct trb_timer *patience;
    char *name;                                 /* of its components */
    bool is_over;
};

static const struct trb_timer_service *timers(const struct discovery *d)
{
    return d->host->extension(TRB_TIMER);
}

/* -------------------------------------------------------------------------------------- offering */
static void offer(const struct asked *a, const char *block, const char *service, const char *as)
{
    const struct trb_offers_service *offers = a->discovery->host->extension(TRB_OFFERS);
    struct text type = {0};
    text_addf(&type, "%s.%s", block, a->name);
    struct trb_offer o = {.size = sizeof o, .type = text_slice(&type), .as = as};
    trb_log(a->discovery->host, a->discovery->origin, TRB_LOG_INFO,
            "pluggable component '%s' was successfully registered for 'dapr.proto.components.v1.%s'", a->name, service);
    if (offers)
        offers->offer(a->discovery->origin, &o);
    text_fini(&type);
}

static void offer_all(const struct asked *a, uint32_t services)
{
    uint32_t bindings = services & (REFLECTION_INPUT | REFLECTION_OUTPUT);
    const char *binding = bindings == REFLECTION_INPUT    ? "bindings.pluggable.input"
                          : bindings == REFLECTION_OUTPUT ? "bindings.pluggable.output"
                                                          : "bindings.pluggable";
    if (services & REFLECTION_STATE)
        offer(a, "state", "StateStore", "state.pluggable");
    if (services & REFLECTION_PUBSUB)
        offer(a, "pubsub", "PubSub", "pubsub.pluggable");
    if (services & REFLECTION_INPUT)
        offer(a, "bindings", "InputBinding", binding);
    if (services & REFLECTION_OUTPUT)
        offer(a, "bindings", "OutputBinding", binding);
    if (services & REFLECTION_SECRETS)
        offer(a, "secretstores", "SecretStore", "secretstores.pluggable");
}

/* --------------------------------------------------------------------------------------- asking */
static void one_is_over(struct discovery *d)
{
    struct trb_call *call = d->starting;
    if (--d->owed)
        return;
    d->starting = NULL;
    trb_done(call);
}

static void over(struct asked *a, const char *fault)
{
    if (a->is_over)
        return;
    a->is_over = true;
    a->patience = timers(a->discovery)->cancel(a->patience);
    if (fault)
        trb_log(a->discovery->host, a->discovery->origin, TRB_LOG_ERROR,
                "failed to discover the services of the pluggable component '%s': %s", a->name, fault);
    one_is_over(a->discovery);
}

static void on_message(void *arg, struct trb_slice message)
{
    struct asked *a = arg;
    uint32_t services = 0;
    const char *fault = reflection_read(message, &services);
    if (!fault)
        offer_all(a, services);
    over(a, fault);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct asked *a = arg;
    a->stream = NULL;
    over(a, err ? err->message : "it has ended the call without an answer");
}

static void on_up(void *arg)
{
    static const struct grpc_stream_events events = {.message = on_message, .ended = on_ended};
    struct asked *a = arg;
    struct text message = {0};
    if (a->is_over || a->stream)
        return;
    grpc_message_begin(&message);
    reflection_write(&message);
    a->stream = grpc_open(a->grpc, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &events, a);
    grpc_send(a->stream, &message);
}

static void on_down(void *arg, const struct trb_error *err)
{
    over(arg, err->message);
}

static void on_impatient(void *arg)
{
    over(arg, "no answer in time");
}

static void ask(void *arg, const char *file, bool is_socket)
{
    struct discovery *d = arg;
    struct trb_slice name = socket_name(slice_of(file));
    struct text path = {0};
    struct trb_error err = {0};
    if (!is_socket) {
        trb_log(d->host, d->origin, TRB_LOG_WARN, "%s/%s is no socket, and left out", socket_folder(), file);
        return;
    }
    struct asked *a = mem_zero(sizeof *a);
    a->discovery = d;
    a->name = mem_text(name.at, name.len);
    a->config = (struct grpc_config){.product = "the socket", .connect_timeout_ns = PATIENCE_NS, .max_reply = MAX_REPLY,
                                     .is_patient = 1};
    list_append(&d->asked, &a->link);
    d->owed++;
    text_addf(&path, "unix:%s/%s", socket_folder(), file);
    struct grpc_setup setup = {.host = d->host, .origin = d->origin, .config = &a->config, .arg = a, .up = on_up,
                               .down = on_down};
    a->patience = timers(d)->start(d->origin, PATIENCE_NS, on_impatient, a);
    if (grpc_config_add(&a->config, "socket", text_slice(&path), 0, &err))
        over(a, err.message);
    else
        a->grpc = grpc_create(&setup);
    text_fini(&path);
}

/* ----------------------------------------------------------------------------------------- life */
static void start(void *self, struct trb_call *call, const void *setup)
{
    struct discovery *d = self;
    d->host = call->host;
    d->origin = call->origin;
    d->starting = call;
    d->owed = 1;                                /* ours: nobody is the last before all are asked */
    list_init(&d->asked);
    if (d->host->extension(TRB_TIMER) && d->host->extension(TRB_STREAM_SERVICE))
        socket_each(ask, d);
    one_is_over(d);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct discovery *d = self;
    struct list *node;
    while ((node = list_take(&d->asked))) {
        struct asked *a = list_item(node, struct asked, link);
        a->is_over = true;
        grpc_forget(a->grpc);
        grpc_destroy(a->grpc);
        mem_free(a->name);
        mem_free(a);
    }
    trb_done(call);
}

static const uint32_t no_verbs[1] = {sizeof no_verbs};

const struct trb_component pluggable_offers = {
    .size = sizeof pluggable_offers, .block = "offers", .type = "offers.pluggable", .version = "v1",
    .summary = "Finds the components of other processes: sockets in DAPR_COMPONENTS_SOCKETS_FOLDER.",
    .run = TRB_ON_ONE_LOOP, .self_size = sizeof(struct discovery), .option_size = sizeof(struct trb_option),
    .ops = no_verbs, .start = start, .stop = stop};
