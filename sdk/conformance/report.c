/* report: one row per case, reasons below the row. */
#include "report.h"
#include <base/mem.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct report {
    const struct subject *subject;
    const char *path, *suite;
    FILE *junit;
    struct text rows;
    uint32_t count[3];
    uint64_t took_ns;
};

struct report *report_begin(const struct subject *s, const char *junit)
{
    struct report *r = mem_zero(sizeof *r);
    r->subject = s;
    r->path = junit;
    r->junit = junit ? fopen(junit, "we") : NULL;
    if (junit && !r->junit) {
        fprintf(stderr, "trilby-conform: %s: %s\n", junit, strerror(errno));
        return mem_free(r);
    }
    printf("%s %s (%s, plugin %s)\n", s->component->type, s->component->version, s->component->summary,
           s->plugin->manifest->version);
    return r;
}

static const char *word(uint32_t verdict)
{
    static const char *const plain[] = {"ok", "FAILED", "skipped"};
    static const char *const coloured[] = {"\033[32mok\033[0m", "\033[31mFAILED\033[0m", "\033[33mskipped\033[0m"};
    return isatty(1) ? coloured[verdict] : plain[verdict];
}

static void add_xml(struct text *t, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<': text_adds(t, "&lt;"); break;
        case '>': text_adds(t, "&gt;"); break;
        case '&': text_adds(t, "&amp;"); break;
        case '"': text_adds(t, "&quot;"); break;
        default: text_addc(t, (unsigned char)*text < 0x20 ? ' ' : *text);
        }
}

static void add_case(struct text *t, const struct test_case *c, const struct result *result)
{
    text_addf(t, "  <testcase classname=\"%s\" name=\"", c->suite);
    add_xml(t, c->name);
    text_addf(t, "\" time=\"%.3f\"", (double)result->took_ns / 1e9);
    if (result->verdict == RESULT_PASSED) {
        text_adds(t, "/>\n");
        return;
    }
    text_addf(t, "><%s message=\"", result->verdict == RESULT_FAILED ? "failure" : "skipped");
    add_xml(t, result->why);
    text_adds(t, "\"/></testcase>\n");
}

void report_row(struct report *r, const struct test_case *c, const struct result *result)
{
    if (!r->suite || strcmp(r->suite, c->suite))
        printf("\n  %s\n", c->suite);
    r->suite = c->suite;
    printf("    %-62s %7.1f ms  %s\n", c->name, (double)result->took_ns / 1e6, word(result->verdict));
    if (result->why[0])
        printf("        %s\n", result->why);
    fflush(stdout);
    r->count[result->verdict]++;
    r->took_ns += result->took_ns;
    add_case(&r->rows, c, result);
}

static void write_junit(struct report *r)
{
    fprintf(r->junit, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" skipped=\"%u\" time=\"%.3f\">\n%s</testsuite>\n",
            r->subject->component->type, r->count[0] + r->count[1] + r->count[2], r->count[RESULT_FAILED],
            r->count[RESULT_SKIPPED], (double)r->took_ns / 1e9, r->rows.at ? r->rows.at : "");
    if (fclose(r->junit))
        fprintf(stderr, "trilby-conform: %s: %s\n", r->path, strerror(errno));
}

uint32_t report_end(struct report *r)
{
    uint32_t failed = r->count[RESULT_FAILED];
    printf("\n%u passed, %u failed, %u skipped in %.1f s\n", r->count[RESULT_PASSED], failed,
           r->count[RESULT_SKIPPED], (double)r->took_ns / 1e9);
    if (r->junit)
        write_junit(r);
    text_fini(&r->rows);
    mem_free(r);
    return failed;
}
