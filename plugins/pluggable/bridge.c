/* bridge: see bridge.h. */
#include "kinds.h"
#include "socket.h"
#include "status.h"
#include "stream.h"
#include <base/error.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <trilby/services.h>
#include <trilby/state.h>

#define MEMORY (16u << 20)                      /* of the resource, read once */
#define MAX_REPLY (64u << 20)
#define CONNECT_NS 5000000000ll

/* ------------------------------------------------------------------------------------ failures */
static void set_text(const struct bridge *b, struct trb_error *to, struct trb_slice text)
{
    char *at;
    snprintf(to->message, sizeof to->message, "%.*s", SLICE_ARG(text));
    to->text = text.len < sizeof to->message ? NULL : b->host->buf_new(b->origin, text.len, &at);
    if (to->text)
        memcpy(at, text.at, text.len);
}

/* As clients of gRPC print it, which is what the API's callers are used to. */
static void set_plain(const struct bridge *b, struct trb_error *to, struct trb_slice text)
{
    struct text whole = {0};
    text_addf(&whole, "rpc error: code = %s desc = ", error_code_name(to->code));
    text_add(&whole, text);
    set_text(b, to, text_slice(&whole));
    text_fini(&whole);
}

static void set_structured(const struct bridge *b, struct trb_error *to, const struct status *s)
{
    struct text details = {0};
    char *at;
    to->http_status = (uint32_t)s->http_code;
    snprintf(to->reason, sizeof to->reason, "%.*s", SLICE_ARG(s->tag));
    set_text(b, to, s->text);
    status_write(to->code, s, &details);
    to->details = b->host->buf_new(b->origin, details.len, &at);
    if (to->details)
        memcpy(at, details.at, details.len);
    text_fini(&details);
}

static void set_state(const struct bridge *b, struct trb_error *to, const struct grpc_said *said)
{
    struct status s;
    status_read(said->code, said->text, said->details, &s);
    if (s.is == STATUS_STRUCTURED) {
        set_structured(b, to, &s);
    } else if (s.is == STATUS_ETAG_MISMATCH || s.is == STATUS_ETAG_INVALID) {
        to->kind = s.is == STATUS_ETAG_MISMATCH ? TRB_STATE_ETAG_MISMATCH : TRB_STATE_ETAG_INVALID;
        to->code = s.is == STATUS_ETAG_MISMATCH ? TRB_ABORTED : TRB_INVALID;
        set_text(b, to, s.text);
    } else if (s.is == STATUS_ROWS) {
        snprintf(to->message, sizeof to->message, "delete affected only %lld rows, expected %lld", (long long)s.affected,
                 (long long)s.expected);
    } else {
        set_plain(b, to, said->text);
    }
}

/* Text and details in it are given with it. */
static struct trb_error failure(const struct bridge *b, const struct grpc_said *said, const struct trb_error *err)
{
    struct trb_error to = {.size = sizeof to, .item = -1, .code = said ? said->code : err->code};
    to.retryable = to.code == TRB_UNAVAILABLE;
    snprintf(to.reason, sizeof to.reason, "%s", err->reason);
    if (!said)
        set_plain(b, &to, slice_of(err->message));
    else if (!strcmp(b->kind->block, "state"))
        set_state(b, &to, said);
    else
        set_plain(b, &to, said->text);
    return to;
}

/* NULL: the failure is not the component's own word. */
static const struct grpc_said *said_of(const struct grpc_wish *w)
{
    return w->said && w->said->code ? w->said : NULL;
}

bool bridge_failed(struct grpc_wish *w, const struct trb_error *err)
{
    struct bridge *b = w->self;
    if (!err)
        return false;
    struct trb_error why = failure(b, said_of(w), err);
    b->host->fail(w->call, &why);
    return true;
}

/* -------------------------------------------------------------------------------------- asking */
struct trb_slice present(struct trb_name n)
{
    return n.len ? slice_name(n) : (struct trb_slice){NULL, 0};
}

struct arena *bridge_read(struct grpc_wish *w, struct trb_slice message, const struct pb_type *type, void *ret)
{
    struct arena *arena;
    const char *fault = message_read(message, type, ret, &arena);
    if (!fault)
        return arena;
    trb_fail(w->call, TRB_INTERNAL, "PROTOCOL", "rpc error: code = Internal desc = the component's answer is no %s: %s",
             type->name, fault);
    return arena_destroy(arena);
}

void bridge_answer_nothing(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    if (!bridge_failed(w, err))
        trb_done(w->call);
}

void bridge_ask(struct bridge *b, struct trb_call *call, const char *path, const struct pb_type *type, const void *from,
                const void *question, void (*answered)(struct grpc_wish *, struct trb_slice, const struct trb_error *))
{
    struct grpc_wish w = {.answered = answered, .self = b, .call = call, .question = question};
    uint64_t deadline = b->host->deadline_ns(call), now = b->host->now_ns();
    struct text message = {0};
    grpc_message_begin(&message);
    pb_write(type, from, &message);
    grpc_ask(b->grpc, &w, path, &message, !deadline ? 0 : deadline > now ? (int64_t)(deadline - now) : 1);
}

void bridge_cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct bridge *b = self;
    if (stream_cancel(b, call, why))
        return;
    if (b->grpc && grpc_cancel(b->grpc, call))
        trb_fail(call, TRB_CANCELLED, "CANCELLED", "context canceled");
}

/* ------------------------------------------------------------------------------------- greeting */
static void greet(struct bridge *);

static void fail_start(struct bridge *b, const struct trb_error *why)
{
    struct trb_call *call = b->starting;
    struct trb_error copy = *why;
    b->starting = NULL;
    b->grpc = grpc_destroy(b->grpc);
    b->host->fail(call, &copy);
}

static const char *hear(struct bridge *b, const struct greeting *g, struct trb_slice message)
{
    struct components_features_response words;
    struct arena *arena;
    if (!g->heard)
        return NULL;
    const char *fault = message_read(message, &components_features_response_pb, &words, &arena);
    if (!fault)
        g->heard(b, &words);
    arena_destroy(arena);
    return fault;
}

/* A component that came back and does not take Init again may still serve: calls will tell. */
static void on_refused(struct bridge *b, const struct grpc_said *said, const struct trb_error *err)
{
    struct trb_error why = failure(b, said, err);
    if (b->starting) {
        fail_start(b, &why);
        return;
    }
    trb_log(b->host, b->origin, TRB_LOG_WARN, "connected again, and %s failed: %s",
            b->kind->greetings[b->greeting].path + strlen(SERVICES), why.message);
    b->host->buf_unref(why.text);
    b->host->buf_unref(why.details);
    if (said)
        grpc_greeted(b->grpc);
}

static void on_greeted(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct bridge *b = w->self;
    struct trb_error broken = {0};
    const char *fault = err ? NULL : hear(b, &b->kind->greetings[b->greeting], message);
    if (fault) {
        trb_error(&broken, TRB_INTERNAL, "PROTOCOL", "the component's answer cannot be read: %s", fault);
        err = &broken;
    }
    if (err && !b->starting && !b->grpc)
        return;
    if (err) {
        on_refused(b, said_of(w), err);
        return;
    }
    b->greeting++;
    greet(b);
}

static void greet(struct bridge *b)
{
    struct grpc_wish w = {.answered = on_greeted, .self = b, .greets = 1};
    struct trb_call *call = b->starting;
    struct text message = {0};
    if (b->greeting < b->kind->count) {
        const struct greeting *g = &b->kind->greetings[b->greeting];
        grpc_message_begin(&message);
        if (!g->heard)
            text_add(&message, text_slice(&b->init));
        grpc_ask(b->grpc, &w, g->path, &message, 0);
        return;
    }
    b->starting = NULL;
    grpc_greeted(b->grpc);
    if (call)
        trb_done(call);
    else
        b->host->ready(b->origin);
}

static void on_up(void *self)
{
    struct bridge *b = self;
    b->greeting = 0;
    greet(b);
}

static void on_down(void *self, const struct trb_error *err)
{
    struct bridge *b = self;
    if (b->starting)
        fail_start(b, err);
    else
        b->host->lost(b->origin, err);
}

/* --------------------------------------------------------------------------------------- life */
/* "state.orders": what is behind the first dot. */
static struct trb_slice name_of_type(struct arena *arena, struct trb_slice document)
{
    struct json_value all;
    struct json_fault fault;
    struct trb_slice type = SLICE("");
    if (json_parse(document, &all, &fault))
        type = json_text(arena, json_find(json_find(all, SLICE("spec")), SLICE("type")));
    slice_split(&type, '.');
    return type;
}

/* It is served by the socket orders.sock, or whatever the ending is. */
static trb_code find_socket(struct bridge *b, const struct trb_setup *setup, struct trb_error *err)
{
    struct arena *arena = arena_create(MEMORY);
    struct trb_slice name = name_of_type(arena, setup->document);
    struct text path = {0}, endpoint = {0};
    trb_code code;
    if (socket_find(name, &path)) {
        text_addf(&endpoint, "unix:%s", path.at);
        code = grpc_config_add(&b->config, "socket", text_slice(&endpoint), 0, err);
    } else {
        code = trb_error(err, TRB_NOT_FOUND, "NO_SOCKET", "no socket named %.*s in %s: is the component's process running?",
                         SLICE_ARG(name), socket_folder());
    }
    text_fini(&path);
    text_fini(&endpoint);
    arena_destroy(arena);
    return code;
}

static void keep_init(struct bridge *b, const struct trb_setup *setup)
{
    struct components_metadata_request metadata = {setup->properties};
    struct components_init_request init = {&metadata};
    pb_write(&components_init_request_pb, &init, &b->init);
}

void bridge_start(struct bridge *b, const struct kind *kind, struct trb_call *call, const struct trb_setup *setup)
{
    struct trb_error err = {0};
    b->kind = kind;
    b->host = call->host;
    b->origin = call->origin;
    list_init(&b->streams);
    b->name = mem_text(setup->component.at, setup->component.len);
    b->config = (struct grpc_config){
        .product = "pluggable component", .connect_timeout_ns = CONNECT_NS, .max_reply = MAX_REPLY,
        .metadata_name = "x-component-instance", .metadata_value = b->name, .is_patient = 1};
    if (!b->host->extension(TRB_STREAM_SERVICE) || !b->host->extension(TRB_TIMER))
        trb_error(&err, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither streams nor timers, which this needs");
    else
        find_socket(b, setup, &err);
    if (err.code) {
        b->host->fail(call, &err);
        return;
    }
    keep_init(b, setup);
    struct grpc_setup grpc = {.host = b->host, .origin = b->origin, .config = &b->config, .arg = b, .up = on_up,
                              .down = on_down, .greets = 1};
    b->starting = call;
    b->grpc = grpc_create(&grpc);
}

void bridge_stop(void *self, struct trb_call *call, const void *question)
{
    struct bridge *b = self;
    grpc_forget(b->grpc);
    b->grpc = grpc_destroy(b->grpc);
    mem_wipe(b->init.at, b->init.len);
    text_fini(&b->init);
    text_fini(&b->operations);
    b->name = mem_free(b->name);
    trb_done(call);
}
