/* state.crashing: does what its key says, to the process it runs in. Only tests of isolation load it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <trilby/state.h>
#include <unistd.h>

struct crashing {
    int64_t every;
    const char *start, *folder, *reads;
    int64_t count;
};

static const struct trb_option options[] = {
    TRB_INT(struct crashing, every, "every", .doc = "Crash on each so manieth call; 0: never."),
    TRB_STRING(struct crashing, start, "start", .doc = "What start does: fail, crash, hang."),
    TRB_STRING(struct crashing, folder, "folder", .doc = "Where it may write."),
    TRB_STRING(struct crashing, reads, "reads", .doc = "What it may read."),
};

static void say(struct trb_call *call, const char *text)
{
    struct trb_state_item item = {.size = sizeof item, .value = {text, strlen(text), NULL}, .etag = {"1", 1}};
    call->host->done(call, &item, sizeof item);
}

static void crash(void)
{
    signal(SIGSEGV, SIG_DFL);              /* sanitizers would tell a long story */
    raise(SIGSEGV);
    abort();
}

static void shout(void)
{
    static const char garbage[4096] = "garbage";
    for (int fd = 3; fd < 12; fd++)
        (void)!write(fd, garbage, sizeof garbage);
}

static void eat(struct trb_call *call)
{
    size_t eaten = 0;
    for (void *at; (at = malloc(1 << 20)); eaten++)
        memset(at, 1, 1 << 20);
    trb_fail(call, TRB_EXHAUSTED, "EATEN", "no more after %zu MiB", eaten);
}

/* How each thing that is not allowed ends. */
static void try_all(struct trb_call *call)
{
    char text[256];
    int socket_fault = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    int exec_fault = execl("/bin/true", "true", NULL) < 0 ? errno : 0;
    int trace_fault = ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? errno : 0;
    pid_t child = fork();
    if (!child)
        _exit(0);
    int fork_fault = child < 0 ? errno : 0;
    int kill_fault = kill(getppid(), 0) ? errno : 0;
    snprintf(text, sizeof text, "socket %d exec %d ptrace %d fork %d kill %d environment %s", socket_fault, exec_fault,
             trace_fault, fork_fault, kill_fault, getenv("PATH") ? "there" : "cleared");
    say(call, text);
}

static void open_all(struct trb_call *call)
{
    int count = 0;
    while (count < 100000 && open("/dev/null", O_RDONLY) >= 0)
        count++;
    trb_fail(call, TRB_EXHAUSTED, "OPENED", "%s after %d", count < 100000 ? "refused" : "never refused", count);
}

static void *burn(void *unused)
{
    for (volatile unsigned turn = 0;; turn++)
        ;
    return NULL;
}

/* Its loop goes on: only the processor's time shows. */
static void spin(struct trb_call *call)
{
    pthread_t thread;
    say(call, pthread_create(&thread, NULL, burn, NULL) ? "no thread" : "spinning");
}

/* "r…" or "w…" as fopen takes it, a blank, a path: how opening it ends. */
static void try_file(struct trb_call *call, const char *how)
{
    char mode[4] = {how[0], how[1] == ' ' ? 0 : how[1]}, text[64];
    FILE *f = fopen(strchr(how, ' ') + 1, mode);
    snprintf(text, sizeof text, "%s", f ? "opened" : errno == EACCES ? "refused" : strerror(errno));
    if (f)
        fclose(f);
    say(call, text);
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    struct crashing *s = self;
    const char *bar = strrchr(q->key.at, '|'), *word = bar ? bar + 1 : q->key.at;
    if (!strcmp(word, "crash") || (s->every && ++s->count % s->every == 0))
        crash();
    else if (!strcmp(word, "hang"))
        for (;;)
            pause();
    else if (!strcmp(word, "never"))
        return;
    else if (!strcmp(word, "exit"))
        _exit(3);
    else if (!strcmp(word, "garbage"))
        shout();
    else if (!strcmp(word, "eat"))
        eat(call);
    else if (!strcmp(word, "try"))
        try_all(call);
    else if (!strcmp(word, "open"))
        open_all(call);
    else if (!strcmp(word, "spin"))
        spin(call);
    else if (!strncmp(word, "file ", 5))
        try_file(call, word + 5);
    else if (!strcmp(word, "absent"))
        trb_fail(call, TRB_ABORTED, "ETAG", "the word of %s", q->metadata.count ? q->metadata.at[0].value.at : "nobody");
    else
        say(call, q->key.at);
}

static void set(void *self, struct trb_call *call, const void *question)
{
    trb_log(call->host, call->origin, TRB_LOG_INFO, "set was called\nand this is no line of its own");
    trb_done(call);
}

static void bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    for (uint32_t i = 0; i < q->items.count; i++) {
        const struct trb_state_get *g = trb_list_at(&q->items, i);
        struct trb_state_item item = {.size = sizeof item, .value = {g->key.at, g->key.len, NULL}};
        struct trb_error err = {.size = sizeof err, .item = -1};
        trb_error(&err, TRB_NOT_FOUND, "GONE", "%s is not there", g->key.at);
        call->host->item(call, i, i % 2 ? NULL : &item, sizeof item, i % 2 ? &err : NULL);
    }
    trb_done(call);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct crashing *s = self;
    const char *how = s->start ? s->start : "";
    if (!strcmp(how, "fail"))
        return trb_fail(call, TRB_UNAVAILABLE, "ASKED_TO", "told not to start");
    if (!strcmp(how, "crash"))
        crash();
    if (strcmp(how, "hang"))
        trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    trb_done(call);
}

static const struct trb_state_ops ops = {.size = sizeof ops, .get = get, .set = set, .remove = set, .bulk_get = bulk_get,
                                         .transact_max = 7};
static const struct trb_component crashing = {
    .size = sizeof crashing, .block = "state", .type = "state.crashing", .version = "v1", .summary = "For tests.",
    .run = TRB_ON_LOOP, .start = start, .stop = stop, .ops = &ops, TRB_SELF(struct crashing, options),
    .writes = "folder"};
TRB_PLUGIN("crashing", "1.0.0", "Apache-2.0", &crashing);
