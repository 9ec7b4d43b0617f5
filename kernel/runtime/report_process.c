/* report_process: which features this process has, and the figures of its threads and memory. */
#include <base/clock.h>
#include <base/log.h>
#include <plugin/loader.h>
#include <runtime/inside.h>
#include <runtime/report.h>
#include <runtime/report_text.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* ------------------------------------------------------------------------------------ features */
static void write_blocks(struct text *t, struct runtime *rt)
{
    bool is_later = false;
    text_adds(t, ",\"blocks\":[");
    list_each(node, &rt->blocks.services) {
        report_next(t, &is_later);
        text_add_json(t, slice_of(list_item(node, struct service, link)->block->name), false);
    }
    text_addc(t, ']');
}

static bool is_listed_before(const struct plugin *p)
{
    list_each(node, loader_plugins()) {
        struct plugin *other = list_item(node, struct plugin, link);
        if (other == p)
            return false;
        if (!strcmp(other->file, p->file))
            return true;
    }
    return false;
}

static void write_plugins(struct text *t)
{
    bool is_later = false;
    text_adds(t, ",\"plugins\":[");
    list_each(node, loader_plugins()) {
        struct plugin *p = list_item(node, struct plugin, link);
        if (is_listed_before(p))
            continue;
        report_next(t, &is_later);
        text_add_json(t, slice_from(p->file, strlen(p->file) - strlen(".so")), false);
    }
    text_addc(t, ']');
}

static void write_folders(struct text *t)
{
    uint32_t count;
    const char *const *folders = loader_folders(&count);
    bool is_later = false;
    text_adds(t, ",\"folders\":[");
    for (uint32_t i = 0; i < count; i++) {
        report_next(t, &is_later);
        text_add_json(t, slice_of(folders[i]), false);
    }
    text_addc(t, ']');
}

void report_features(struct runtime *rt, const char *commit, struct text *t)
{
    text_addc(t, '{');
    report_member(t, "appId", rt->info.app_id.at);
    text_addc(t, ',');
    report_member(t, "version", RUNTIME_VERSION);
    text_adds(t, ",\"build\":{");
    report_member(t, "commit", commit);
    text_addc(t, ',');
    report_member(t, "compiler", COMPILER);
    text_addf(t, "},\"abi\":{\"major\":1,\"minor\":%u,\"block\":%u},", TRB_ABI_MINOR, TRB_BLOCK_ABI);
    report_member(t, "set", rt->setup.flags->set.at);
    write_blocks(t, rt);
    write_plugins(t);
    write_folders(t);
    text_adds(t, ",\"preview\":");
    text_add(t, rt->info.features);
    text_addc(t, '}');
}

/* ------------------------------------------------------------------------------------- figures */
static uint64_t resident_bytes(void)
{
    unsigned long long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%llu %llu", &all, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_memory(struct text *t)
{
    struct rusage used = {0};
    uint64_t now = resident_bytes();
    getrusage(RUSAGE_SELF, &used);
    uint64_t peak = (uint64_t)used.ru_maxrss * 1024;   /* the system adds up less often than it shows */
    text_addf(t, ",\"memory\":{\"residentBytes\":%llu,\"peakBytes\":%llu}", (unsigned long long)now,
              (unsigned long long)(peak > now ? peak : now));
}

static void write_loops(struct text *t)
{
    bool is_later = false;
    text_adds(t, ",\"loops\":[");
    for (uint32_t i = 0; i < loop_count(); i++) {
        report_next(t, &is_later);
        text_addf(t, "{\"index\":%u,\"turns\":%llu}", i, (unsigned long long)loop_turn(loop_at(i)));
    }
    text_addc(t, ']');
}

void report_process(struct runtime *rt, struct text *t)
{
    struct workers_figures w;
    workers_figures(rt->setup.workers, &w);
    text_addf(t, "{\"pid\":%d,\"runtimeMs\":%llu", (int)getpid(),
              (unsigned long long)((clock_now_ns() - rt->setup.began_ns) / CLOCK_MS));
    write_memory(t);
    write_loops(t);
    text_addf(t, ",\"workers\":{\"most\":%u,\"threads\":%u,\"idle\":%u}", w.most, w.threads, w.idle);
    text_addf(t, ",\"log\":{\"level\":\"%s\",\"dropped\":%llu}}", log_level_name(log_level()), (unsigned long long)log_dropped());
}
