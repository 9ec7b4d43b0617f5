/* house_figures: what is told of an isolated component's process: in the admin API, and as a metric. */
#include <base/slice.h>
#include <isolate/house.h>
#include <isolate/reaper.h>
#include <observe/metrics.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long long all, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%llu %llu", &all, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool isolate_figures(const struct instance *i, struct isolate_figures *ret)
{
    if (i->given_up != isolate_given_up)
        return false;
    const struct house *h = container_of(i->component, struct house, component);
    bool is_there = h->control != NULL;
    *ret = (struct isolate_figures){.pid = is_there ? h->pid : 0, .restarts = h->restarts, .cpu_ns = reaper_cpu_ns(h->reaper),
                                    .resident_bytes = is_there ? resident_bytes(h->pid) : 0};
    return true;
}

void house_count_restart(struct house *h)
{
    const struct trb_setup *s = &h->instance->setup;
    struct trb_pair pairs[] = {{NAME("app_id"), s->app_id}, {NAME("component"), s->component}, {NAME("namespace"), s->namespace_}};
    struct trb_pairs labels = {pairs, countof(pairs), sizeof pairs[0]};
    h->restarts++;
    metric_add(metric_get("trilby_isolated_restarts_total", &labels), 1);
}
