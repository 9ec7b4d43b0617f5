/* trilby-conform: load the plugin, choose the cases, run each, report. */
#include "command.h"
#include "describe.h"
#include "load.h"
#include "report.h"
#include <base/check.h>
#include <stdio.h>

static bool is_wanted(const struct test_case *c, const char *only)
{
    return !only || strcasestr(c->suite, only) || strcasestr(c->name, only) || (c->verb && !strcasecmp(c->verb, only));
}

/* A case without its block, verb or promise is not skipped: it is not about this component. */
static bool applies(const struct test_case *c, const struct subject *s)
{
    if (c->block && strcmp(c->block, s->facts->block.name))
        return false;
    if (c->asks && !shim_has(s->facts->probe))
        return false;
    return (!c->verb || shim_has(c->verb)) && (s->component->caps & c->caps) == c->caps;
}

static const struct test_case *const suites[] = {
    suite_manifest, suite_options, suite_life, suite_calls, suite_hosts, suite_state, suite_state_more, suite_state_many, suite_pubsub,
    suite_secretstores, suite_nameresolution, suite_lock, suite_configuration, suite_bindings, suite_crypto,
};

static uint32_t each_case(const struct command *c, const struct subject *s,
                          void (*visit)(void *, const struct test_case *), void *arg)
{
    uint32_t count = 0;
    for (size_t i = 0; i < countof(suites); i++)
        for (const struct test_case *one = suites[i]; one->run; one++)
            if (applies(one, s) && is_wanted(one, c->only)) {
                count++;
                visit(arg, one);
            }
    return count;
}

static void name_it(void *unused, const struct test_case *c)
{
    printf("%s: %s\n", c->suite, c->name);
}

struct run {
    const struct subject *subject;
    struct runner_ways ways;
    struct report *report;
};

static void judge(void *arg, const struct test_case *c)
{
    struct run *r = arg;
    struct result result;
    runner_run(r->subject, c, &r->ways, &result);
    report_row(r->report, c, &result);
}

static int nothing_to_do(const struct command *c)
{
    fprintf(stderr, "trilby-conform: no case has '%s' in its name (see --list)\n", c->only);
    return 2;
}

static int run(const struct command *c, const struct subject *s)
{
    struct run r = {.subject = s, .ways = {.limit_ns = c->limit_s * CLOCK_S, .is_verbose = c->verbose,
                                           .in_this_process = c->in_this_process}};
    if (c->list)
        return each_case(c, s, name_it, NULL) ? 0 : nothing_to_do(c);
    r.report = report_begin(s, c->junit);
    if (!r.report)
        return 2;
    uint32_t count = each_case(c, s, judge, &r);
    uint32_t failed = report_end(r.report);
    return !count ? nothing_to_do(c) : failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct command c;
    static struct subject s;
    int rc = command_parse(argc, argv, &c);
    if (rc)
        return rc;
    if (c.help)
        return fputs(command_help, stdout) < 0;
    if (c.show_version)
        return printf("trilby-conform %s\n", TRILBY_VERSION) < 0;
    if (!c.plugin) {
        fputs("trilby-conform: which plugin? trilby-conform PLUGIN.so --config FILE (see --help)\n", stderr);
        return 2;
    }
    patience_ns = c.patience_s * CLOCK_S;
    rc = load_subject(&c, &s);
    if (rc)
        return rc;
    return c.describe ? describe(&s, c.describe) : run(&c, &s);
}
