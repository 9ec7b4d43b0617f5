/* child: the process that holds one isolated component: sets itself limits, loads the plugin, starts it, and
 * answers until it is told to stop or its host is gone. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/child.h>
#include <isolate/dial.h>
#include <isolate/isolate.h>
#include <isolate/wire.h>
#include <loop/dns.h>
#include <loop/workers.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define WORKERS 16u
#define MOST_LINES 256u

static struct child {
    struct loop *loop;
    struct stream *control;
    struct trb_isolate_setup *setup;       /* it, and the bytes it lies in, stay */
    struct trb_buf *setup_owner;
    struct line *lines[MOST_LINES];
    uint32_t line_count;
    int plugin_fd;
    struct trb_block block;
    struct instance *instance;
    const struct words *words;
    bool is_quiet;                         /* what is being said, the host has said already */
} child;

/* ----------------------------------------------------------------------------------------- saying */
/* One packet a line; a host that does not read loses lines, not us. */
static void say_line(uint32_t level, const char *scope, struct trb_slice message)
{
    char mark = (char)level;
    message = slice_cut(message, 8000);
    struct iovec parts[] = {{&mark, 1}, {(void *)(uintptr_t)message.at, message.len}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    if (!child.is_quiet)
        (void)!sendmsg(CHILD_LOG, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

_Noreturn void child_end(const char *why)
{
    if (why)
        log_error("dapr.runtime", "an isolated component's process ends: %s", why);
    _exit(why ? 70 : 0);
}

static void say(uint16_t kind, uint16_t verb, uint64_t extra, const struct trb_error *err)
{
    struct trb_isolate_error value;
    struct frame_part part = {layout_error, &value, sizeof value};
    if (err)
        frame_error(err, &value);
    frame_send(child.control, (struct frame_head){.kind = kind, .verb = verb, .extra = extra}, &part, err != NULL);
    stream_flush(child.control);
}

static void fail_start(const struct trb_error *err)
{
    say(FRAME_STARTED, 1, 0, err);
}

/* ----------------------------------------------------------------------------------------- health */
struct health {
    bool is_lost;
    struct trb_error err;
};

static void health_here(void *arg)
{
    struct health *h = arg;
    say(h->is_lost ? FRAME_LOST : FRAME_READY, 0, 0, h->is_lost ? &h->err : NULL);
    mem_free(h);
}

static void on_health(struct instance *i, const struct trb_error *err)
{
    struct health *h = mem_zero(sizeof *h);
    h->is_lost = err;
    if (err)
        h->err = *err;
    h->err.text = h->err.details = NULL;
    loop_call(child.loop, health_here, h);
}

/* --------------------------------------------------------------------------------------- starting */
static void on_started(void *unused, struct instance *i, const struct trb_error *err)
{
    if (err)
        return fail_start(err);
    for (uint32_t n = 0; n < child.line_count; n++)
        line_serve(child.lines[n], i, child.words);
    say(FRAME_STARTED, 0, atomic_load(&i->caps), NULL);
}

static trb_code load(struct plugin **ret_plugin, struct trb_error *err)
{
    const char *path = child.setup->file.at, *slash = strrchr(path, '/');
    return loader_adopt(slash ? slash + 1 : path, path, child.plugin_fd, ret_plugin, err);
}

/* Options were judged by the host, with the places they come from; here they are only filled in. */
static trb_code create(struct plugin *plugin, struct trb_error *err)
{
    const struct trb_isolate_setup *s = child.setup;
    child.block = (struct trb_block){.size = sizeof child.block, .abi = TRB_BLOCK_ABI, .name = child.words->block,
                                     .verbs = child.words->verbs, .verb_count = child.words->verb_count, .mandatory = ""};
    struct instance_spec spec = {
        .name = s->name.at, .type = slice_name(s->type), .version = slice_name(s->version), .properties = s->properties,
        .document = s->document, .app_id = s->app_id, .namespace_ = s->namespace_, .init_timeout_ns = s->init_timeout_ns};
    struct workers *workers = workers_create(WORKERS);
    spec.workers = workers;
    if (s->may_dial)
        dns_start(workers);
    else
        dial_through(child.loop, CHILD_DIAL);
    child.is_quiet = true;
    trb_code code = instance_create(&spec, &child.block, plugin, &child.instance, err);
    child.is_quiet = false;
    return code;
}

static void begin(void)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *plugin = NULL;
    child.words = words_of(slice_name(child.setup->block));
    if (!child.words || !child.setup->name.at || !child.setup->file.at)
        child_end("the host's setup says nothing");
    log_divert(say_line, child.setup->log_level);
    if (confine(child.setup, &err) || load(&plugin, &err) || create(plugin, &err))
        return fail_start(&err);
    plugin_unref(plugin);
    instance_on_health(on_health);
    instance_start(child.instance, on_started, NULL);
}

static void on_setup(struct frame *f)
{
    if (child.setup)
        child_end("the host begins twice");
    child.setup_owner = f->owner ? buf_ref(f->owner) : buf_copy(f->body);
    struct trb_slice bytes = buf_bytes(child.setup_owner);
    child.setup = wire_take(layout_setup, &bytes, NULL, false);
    f->body = bytes;
    if (!child.setup)
        child_end("the host's setup is none");
    begin();
}

/* --------------------------------------------------------------------------------------- stopping */
static void on_stopped(void *unused)
{
    say(FRAME_STOPPED, 0, 0, NULL);
    child_end(NULL);
}

static void on_stop(void)
{
    if (child.instance)
        instance_retire(child.instance, on_stopped, NULL);
    else
        on_stopped(NULL);
}

/* ------------------------------------------------------------------------------------ the control line */
static void take(struct frame *f)
{
    switch (f->head.kind) {
    case FRAME_SETUP: return on_setup(f);
    case FRAME_STOP: return on_stop();
    case FRAME_PING: return say(FRAME_PONG, 0, f->head.extra, NULL);
    default: child_end("the host says what is no word");
    }
}

static void on_readable(void *unused)
{
    struct frame f;
    int result;
    while ((result = frame_next(child.control, &f)) == FRAME_WHOLE) {
        take(&f);
        frame_done(child.control, &f);
    }
    if (result == FRAME_BAD)
        child_end("the host says what is no frame");
}

static void on_eof(void *unused)
{
    child_end(NULL);
}

static void on_closed(void *unused, const struct trb_error *err)
{
    child_end(NULL);
}

static const struct stream_events control_events = {.readable = on_readable, .eof = on_eof, .closed = on_closed};

int isolate_child(int argc, char **argv)
{
    struct trb_error err = ERROR_INIT;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    const int first_pipe = CHILD_CONTROL + CHILD_SOCKETS;
    uint32_t lines = argc == 4 ? (uint32_t)atoi(argv[2]) : 0;
    if (!lines || lines > MOST_LINES)
        return 64;
    sigaction(SIGPIPE, &ignore, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_divert(say_line, LOG_INFO);
    if (!(child.loop = loop_create(0, &err)))
        return 71;
    loop_set_all(&child.loop, 1);
    child.line_count = lines;
    child.plugin_fd = argv[3][0] == '1' ? first_pipe + CHILD_PIPES * (int)lines : -1;
    for (int i = 0; i < (int)lines; i++)
        child.lines[i] = line_create(child.loop, (struct stream_ends){first_pipe + CHILD_PIPES * i, first_pipe + CHILD_PIPES * i + 1});
    child.control = stream_accept(child.loop, CHILD_CONTROL, NULL, &control_events, NULL);
    loop_run(child.loop);
    return 0;
}
