/* metrics: a table of series under one lock, values in atomics. */
#include <base/check.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/utf8.h>
#include <math.h>
#include <observe/metrics.h>
#include <observe/metrics_inside.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define COUNTER 0u
#define GAUGE 1u
#define LATENCY 2u
#define SIZE 3u

#define MOST_SERIES 10000u                 /* labels come from clients and peers, too */

static const struct family {
    const char *name;
    uint32_t kind;
    const char *help;
} families[] = {
#define METRIC(name, kind, help) {#name, kind, help},
#include "metrics.def"
#undef METRIC
};

static const int64_t default_latency[] = {
    1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300, 400, 500, 650,
    800, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
static const int64_t sizes[] = {1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
                                268435456, 1073741824, 4294967296};

struct trb_metric {
    const struct family *family;
    struct text labels;                    /* app_id="x",… */
    _Atomic uint64_t sum_bits, count;      /* the value of counters and gauges is sum */
    const int64_t *bounds;
    uint32_t bound_count;
    _Atomic uint64_t *buckets;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map series;                  /* "name{labels}" to trb_metric; kept per family in order */
static _Atomic bool is_enabled = true;
static int64_t latency_bounds[128];
static uint32_t latency_count;

static void zero(struct trb_metric *m)
{
    atomic_store(&m->sum_bits, 0);
    atomic_store(&m->count, 0);
    for (uint32_t i = 0; i < m->bound_count; i++)
        atomic_store(&m->buckets[i], 0);
}

void metrics_start(const struct metrics_setup *setup)
{
    const int64_t *bounds = setup->latency_buckets_ms ? setup->latency_buckets_ms : default_latency;
    uint32_t count = setup->latency_buckets_ms ? setup->latency_bucket_count : countof(default_latency), i = 0;
    struct map_entry *e;
    pthread_mutex_lock(&lock);
    is_enabled = setup->enabled;
    latency_count = count < countof(latency_bounds) ? count : countof(latency_bounds);
    memcpy(latency_bounds, bounds, latency_count * sizeof *bounds);
    while ((e = map_next(&series, &i)))
        zero(e->value);
    pthread_mutex_unlock(&lock);
}

static const struct family *family_of(const char *name)
{
    for (size_t i = 0; i < countof(families); i++)
        if (!strcmp(families[i].name, name))
            return &families[i];
    check(!"a metric that metrics.def does not know");
    return NULL;
}

/* One byte that is no UTF-8 would make the whole page unreadable. */
static void add_value(struct text *t, struct trb_slice value)
{
    while (value.len) {
        uint32_t rune;
        size_t len = utf8_read(value, &rune);
        if (!len)
            text_adds(t, "\xef\xbf\xbd");
        else if (rune < 0x20 || rune == 0x7f)
            text_addc(t, ' ');
        else
            text_adds(t, rune == '\\' || rune == '"' ? "\\" : ""), text_add(t, slice_cut(value, len));
        value = slice_skip(value, len ? len : 1);
    }
}

static void add_labels(struct text *t, const struct trb_pairs *labels)
{
    for (uint32_t i = 0; labels && i < labels->count; i++) {
        const struct trb_pair *p = trb_pair_at(labels, i);
        text_addf(t, "%s%.*s=\"", i ? "," : "", SLICE_ARG(p->key));
        add_value(t, slice_name(p->value));
        text_addc(t, '"');
    }
}

static struct trb_metric *create(const struct family *f, const struct text *labels)
{
    struct trb_metric *m = mem_zero(sizeof *m);
    m->family = f;
    text_add(&m->labels, text_slice(labels));
    if (f->kind == LATENCY) {
        m->bounds = latency_bounds;
        m->bound_count = latency_count;
    } else if (f->kind == SIZE) {
        m->bounds = sizes;
        m->bound_count = countof(sizes);
    }
    m->buckets = m->bound_count ? mem_zero(m->bound_count * sizeof *m->buckets) : NULL;
    return m;
}

/* One series of each name for all that is too much. */
static void set_overflow(struct text *labels, struct text *key, const char *name)
{
    text_clear(labels);
    text_clear(key);
    text_adds(labels, "overflow=\"true\"");
    text_addf(key, "%s{%s}", name, labels->at);
}

struct trb_metric *metrics_find(const char *name, const struct trb_pairs *labels)
{
    const struct family *f = family_of(name);
    struct text text = {0}, key = {0};
    add_labels(&text, labels);
    text_addf(&key, "%s{%s}", name, text.len ? text.at : "");
    pthread_mutex_lock(&lock);
    if (!latency_count) {
        latency_count = countof(default_latency);
        memcpy(latency_bounds, default_latency, sizeof default_latency);
    }
    struct trb_metric *m = map_get(&series, text_slice(&key));
    if (!m && series.live >= MOST_SERIES) {
        set_overflow(&text, &key, name);
        m = map_get(&series, text_slice(&key));
    }
    if (!m) {
        m = create(f, &text);
        map_set(&series, text_slice(&key), m);
    }
    pthread_mutex_unlock(&lock);
    text_fini(&text);
    text_fini(&key);
    return m;
}

static double value_of(const struct trb_metric *m)
{
    uint64_t bits = atomic_load_explicit(&m->sum_bits, memory_order_relaxed);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void sum_add(struct trb_metric *m, double step)
{
    uint64_t old = atomic_load_explicit(&m->sum_bits, memory_order_relaxed), new_;
    do {
        double value;
        memcpy(&value, &old, sizeof value);
        value += step;
        memcpy(&new_, &value, sizeof new_);
    } while (!atomic_compare_exchange_weak_explicit(&m->sum_bits, &old, new_, memory_order_relaxed,
                                                    memory_order_relaxed));
}

bool metrics_are_on(void)
{
    return atomic_load_explicit(&is_enabled, memory_order_relaxed);
}

void metric_add(struct trb_metric *m, double value)
{
    if (!metrics_are_on())
        return;
    sum_add(m, value);
    atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < m->bound_count; i++)
        if (value <= (double)m->bounds[i]) {
            atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
            return;
        }
}

void metric_set(struct trb_metric *m, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(&m->sum_bits, bits, memory_order_relaxed);
    atomic_store_explicit(&m->count, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------------ writing */
static void write_number(struct text *t, double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        text_addf(t, "%.0f\n", value);
    else
        text_addf(t, "%.17g\n", value);
}

static void write_histogram(struct text *t, const struct trb_metric *m)
{
    const char *name = m->family->name, *comma = m->labels.len ? "," : "", *labels = m->labels.len ? m->labels.at : "";
    uint64_t running = 0;
    for (uint32_t i = 0; i < m->bound_count; i++) {
        running += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
        text_addf(t, "%s_bucket{%s%sle=\"%lld\"} %llu\n", name, labels, comma, (long long)m->bounds[i],
                  (unsigned long long)running);
    }
    uint64_t count = atomic_load_explicit(&m->count, memory_order_relaxed);
    text_addf(t, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, (unsigned long long)count);
    text_addf(t, "%s_sum{%s} ", name, labels);
    write_number(t, value_of(m));
    text_addf(t, "%s_count{%s} %llu\n", name, labels, (unsigned long long)count);
}

static void write_series(struct text *t, const struct trb_metric *m)
{
    if (!atomic_load_explicit(&m->count, memory_order_relaxed))
        return;
    if (m->bound_count)
        return write_histogram(t, m);
    text_addf(t, m->labels.len ? "%s{%s} " : "%s%s ", m->family->name, m->labels.len ? m->labels.at : "");
    write_number(t, value_of(m));
}

static void write_family(struct text *t, const struct family *f)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "histogram"};
    struct text body = {0};
    struct map_entry *e;
    uint32_t i = 0;
    while ((e = map_next(&series, &i)))
        if (((struct trb_metric *)e->value)->family == f)
            write_series(&body, e->value);
    if (body.len) {
        text_addf(t, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
        text_add(t, text_slice(&body));
    }
    text_fini(&body);
}

static void write_process(struct text *t)
{
    static time_t started;
    struct rusage usage;
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%ld %ld", &pages, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    if (!started)
        started = time(NULL);
    getrusage(RUSAGE_SELF, &usage);
    long page = sysconf(_SC_PAGESIZE);
    text_addf(t, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %ld\n", resident * page);
    text_addf(t, "# TYPE process_virtual_memory_bytes gauge\nprocess_virtual_memory_bytes %ld\n", pages * page);
    text_addf(t, "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.6f\n",
              (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    text_addf(t, "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %lld\n", (long long)started);
}

void metrics_write(struct text *t)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; is_enabled && i < countof(families); i++)
        write_family(t, &families[i]);
    pthread_mutex_unlock(&lock);
    write_process(t);
}
