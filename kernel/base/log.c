/* log: a ring of finished lines and the thread that writes them.
 *
 * Many threads put, one takes. A cell's turn tells whose it is: equal to the position, it is free
 * for the putter; one more, it holds a line. A putter that finds no free cell drops its line and
 * counts. Before log_start and after log_stop, and in a forked child, lines are written at once. */
#include <base/check.h>
#include <base/clock.h>
#include <base/log.h>
#include <base/log_line.h>
#include <base/mem.h>
#include <base/signals.h>
#include <base/slice.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define CELLS 8192u                         /* a power of two */
#define MAX_QUEUED (16u << 20)              /* bytes */
#define MAX_LINE 65536
#define BATCH 64

struct line {
    size_t len;
    char bytes[];
};

struct cell {
    _Atomic uint64_t turn;
    struct line *line;
};

/* What log_start was told. Older ones stay, since a putter may still be reading them. */
struct setup {
    struct setup *before;
    struct log_setup given;
    bool colour;
};

static struct setup first = {.given = {.level = LOG_INFO, .fd = 1}};
static struct setup *_Atomic current = &first;
static _Atomic uint32_t least = LOG_INFO;

static struct {
    struct cell *cells;
    _Atomic uint64_t put;
    uint64_t taken;                         /* the writer's alone */
    _Atomic size_t queued;
    _Atomic uint64_t dropped;
    uint64_t told;                          /* of dropped, in lines */
    _Atomic uint32_t asleep, stopping;
    _Atomic bool running;
    pthread_t writer;
    uint64_t started_ns;
} ring;

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

/* -------------------------------------------------------------------------------------- output */
static void wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    poll(&p, 1, 1000);
}

/* A log that cannot be written is nobody's error: the bytes are gone. */
static void write_all(int fd, struct iovec *at, int count)
{
    while (count) {
        ssize_t n = writev(fd, at, count);
        if (n < 0 && errno == EAGAIN)
            wait_writable(fd);
        else if (n < 0 && errno != EINTR)
            return;
        for (; n > 0 && count && (size_t)n >= at->iov_len; at++, count--)
            n -= (ssize_t)at->iov_len;
        if (n > 0 && count) {
            at->iov_base = (char *)at->iov_base + n;
            at->iov_len -= (size_t)n;
        }
    }
}

static void write_text(const struct text *t)
{
    struct iovec one = {t->at, t->len};
    int saved = errno;
    write_all(atomic_load(&current)->given.fd, &one, 1);
    errno = saved;
}

static void format(struct text *to, uint32_t level, const char *scope, struct trb_slice message,
                   const struct log_field *fields, uint32_t count)
{
    struct setup *s = atomic_load(&current);
    struct log_line line = {
        .level = level <= LOG_FATAL ? level : LOG_FATAL, .json = s->given.json, .colour = s->colour,
        .scope = scope, .app_id = s->given.app_id, .instance = s->given.instance,
        .version = s->given.version, .wall_ns = clock_wall_ns(), .message = slice_cut(message, MAX_LINE),
        .fields = fields, .count = count,
        .uptime_s = ring.started_ns ? (clock_now_ns() - ring.started_ns) / CLOCK_S : 0};
    log_line_write(&line, to);
}

/* ---------------------------------------------------------------------------------------- ring */
static void futex(_Atomic uint32_t *at, int operation, uint32_t value)
{
    syscall(SYS_futex, at, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void wake_writer(void)
{
    if (atomic_load(&ring.asleep) && atomic_exchange(&ring.asleep, 0))
        futex(&ring.asleep, FUTEX_WAKE, 1);
}

static bool put(struct line *line)
{
    uint64_t at = atomic_load_explicit(&ring.put, memory_order_relaxed);
    for (;;) {
        struct cell *c = &ring.cells[at % CELLS];
        uint64_t turn = atomic_load_explicit(&c->turn, memory_order_acquire);
        if (turn < at)
            return false;                   /* full: this cell still holds the line of a round ago */
        if (turn > at) {
            at = atomic_load_explicit(&ring.put, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&ring.put, &at, at + 1, memory_order_relaxed,
                                                         memory_order_relaxed)) {
            c->line = line;
            atomic_store(&c->turn, at + 1);
            return true;
        }
    }
}

static struct line *take(void)
{
    struct cell *c = &ring.cells[ring.taken % CELLS];
    if (atomic_load(&c->turn) != ring.taken + 1)
        return NULL;
    struct line *line = c->line;
    atomic_store_explicit(&c->turn, ring.taken + CELLS, memory_order_release);
    ring.taken++;
    return line;
}

static void queue(const struct text *t)
{
    struct line *line = mem_alloc(sizeof *line + t->len);
    line->len = t->len;
    memcpy(line->bytes, t->at, t->len);
    size_t queued = atomic_fetch_add_explicit(&ring.queued, t->len, memory_order_relaxed);
    if (queued + t->len <= MAX_QUEUED && put(line)) {
        wake_writer();
        return;
    }
    atomic_fetch_sub_explicit(&ring.queued, t->len, memory_order_relaxed);
    atomic_fetch_add_explicit(&ring.dropped, 1, memory_order_relaxed);
    mem_free(line);
}

/* -------------------------------------------------------------------------------------- writer */
static bool write_batch(void)
{
    struct iovec parts[BATCH];
    struct line *lines[BATCH];
    size_t len = 0;
    int count = 0;
    while (count < BATCH && (lines[count] = take())) {
        parts[count] = (struct iovec){lines[count]->bytes, lines[count]->len};
        len += lines[count++]->len;
    }
    write_all(atomic_load(&current)->given.fd, parts, count);
    atomic_fetch_sub_explicit(&ring.queued, len, memory_order_relaxed);
    for (int i = 0; i < count; i++)
        mem_free(lines[i]);
    return count > 0;
}

static void tell_dropped(void)
{
    uint64_t dropped = log_dropped();
    struct text line = {0};
    char message[80];
    if (dropped == ring.told)
        return;
    snprintf(message, sizeof message, "%llu log lines were dropped: the output did not keep up",
             (unsigned long long)(dropped - ring.told));
    ring.told = dropped;
    format(&line, LOG_WARN, "dapr.runtime", slice_of(message), NULL, 0);
    write_text(&line);
    text_fini(&line);
}

static bool has_line(void)
{
    return atomic_load(&ring.cells[ring.taken % CELLS].turn) == ring.taken + 1;
}

/* Says that it sleeps before it looks a last time: a putter looks at both the other way round. */
static void sleep_until_woken(void)
{
    atomic_store(&ring.asleep, 1);
    if (has_line() || atomic_load(&ring.stopping))
        atomic_store(&ring.asleep, 0);
    while (atomic_load(&ring.asleep))
        futex(&ring.asleep, FUTEX_WAIT, 1);
}

static void *write_lines(void *unused)
{
    pthread_setname_np(pthread_self(), "trb-log");
    for (;;) {
        bool stopping = atomic_load(&ring.stopping);
        while (write_batch())
            ;
        tell_dropped();
        if (stopping)
            return NULL;
        sleep_until_woken();
    }
}

static void forget_writer(void)
{
    atomic_store(&ring.running, false);     /* in a forked child: there is no writer thread */
}

static void start_writer(void)
{
    static bool prepared;
    sigset_t old;
    if (!prepared) {
        ring.cells = mem_zero(CELLS * sizeof *ring.cells);
        for (uint64_t i = 0; i < CELLS; i++)
            atomic_init(&ring.cells[i].turn, i);
        ring.started_ns = clock_now_ns();
        pthread_atfork(NULL, NULL, forget_writer);
        prepared = true;
    }
    atomic_store(&ring.stopping, 0);
    signals_block(&old);
    bool started = pthread_create(&ring.writer, NULL, write_lines, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    atomic_store(&ring.running, started);   /* without a thread lines are written at once */
}

/* ------------------------------------------------------------------------------------ interface */
static const char *copy(const char *text)
{
    return text ? mem_text(text, strlen(text)) : NULL;
}

void log_start(const struct log_setup *given)
{
    struct setup *s = mem_zero(sizeof *s);
    s->given = *given;
    s->given.app_id = copy(given->app_id);
    s->given.instance = copy(given->instance);
    s->given.version = copy(given->version);
    s->colour = !given->json && isatty(given->fd);
    pthread_mutex_lock(&starting);
    s->before = atomic_load(&current);
    atomic_store(&current, s);
    atomic_store(&least, given->level);
    if (!atomic_load(&ring.running))
        start_writer();
    pthread_mutex_unlock(&starting);
}

void log_stop(void)
{
    pthread_mutex_lock(&starting);
    if (atomic_load(&ring.running)) {
        atomic_store(&ring.running, false);
        atomic_store(&ring.stopping, 1);
        wake_writer();
        pthread_join(ring.writer, NULL);
        while (write_batch())
            ;                               /* put while the writer was leaving */
    }
    pthread_mutex_unlock(&starting);
}

bool log_level_parse(const char *text, uint32_t *ret_level)
{
    static const struct {
        struct trb_slice name;
        uint32_t level;
    } names[] = {{{"debug", 5}, LOG_DEBUG}, {{"info", 4}, LOG_INFO},   {{"warn", 4}, LOG_WARN},
                 {{"warning", 7}, LOG_WARN}, {{"error", 5}, LOG_ERROR}, {{"fatal", 5}, LOG_FATAL}};
    for (size_t i = 0; i < countof(names); i++)
        if (slice_is_nocase(slice_of(text), names[i].name)) {
            *ret_level = names[i].level;
            return true;
        }
    return false;
}

const char *log_level_name(uint32_t level)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "fatal"};
    return names[level < countof(names) ? level : LOG_FATAL];
}

uint32_t log_level(void)
{
    return atomic_load_explicit(&least, memory_order_relaxed);
}

void log_set_level(uint32_t level)
{
    check(level <= LOG_FATAL);
    atomic_store_explicit(&least, level, memory_order_relaxed);
}

bool log_is_on(uint32_t level)
{
    return level >= atomic_load_explicit(&least, memory_order_relaxed);
}

static void (*diverted)(uint32_t, const char *, struct trb_slice);

void log_divert(void (*sink)(uint32_t, const char *, struct trb_slice), uint32_t level)
{
    diverted = sink;
    atomic_store(&least, level);
}

void log_fields(uint32_t level, const char *scope, struct trb_slice message,
                const struct log_field *fields, uint32_t count)
{
    struct text line = {0};
    if (!log_is_on(level))
        return;
    if (diverted)
        return diverted(level, scope, message);
    format(&line, level, scope, message, fields, count);
    if (atomic_load(&ring.running))
        queue(&line);
    else
        write_text(&line);
    text_fini(&line);
}

void log_write(uint32_t level, const char *scope, const char *format_text, ...)
{
    struct text message = {0};
    va_list ap;
    if (!log_is_on(level))
        return;
    va_start(ap, format_text);
    text_vaddf(&message, format_text, ap);
    va_end(ap);
    log_fields(level, scope, text_slice(&message), NULL, 0);
    text_fini(&message);
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&ring.dropped, memory_order_relaxed);
}
