/* resource_text: a file's text, cut into documents. What is wrong with some of them is told once per
 * file and kind, in the words of each kind's reader; the others count. */
#include <base/check.h>
#include <base/slice.h>
#include <config/resource_set.h>

/* The reader of Resiliencies has words of its own; Configurations are not read from folders at start. */
static const uint32_t readers[] = {RESOURCE_COMPONENT, RESOURCE_HTTP_ENDPOINT, RESOURCE_SUBSCRIPTION,
                                   RESOURCE_WORKFLOW_POLICY, RESOURCE_MCP_SERVER};

struct cutter {
    struct trb_slice rest;
    uint32_t line;
};

static uint32_t count_lines(struct trb_slice s)
{
    uint32_t lines = 0;
    for (size_t i = 0; i < s.len; i++)
        lines += s.at[i] == '\n';
    return lines;
}

/* Cuts at a line end and "---"; the rest of that line is nobody's. */
static bool cut(struct cutter *c, struct trb_slice *ret_text, uint32_t *ret_line)
{
    struct trb_slice all = c->rest;
    if (!all.at)
        return false;
    const char *mark = all.len ? memmem(all.at, all.len, "\n---", 4) : NULL;
    *ret_line = c->line;
    *ret_text = mark ? slice_cut(all, (size_t)(mark - all.at)) : all;
    c->rest = (struct trb_slice){0};
    if (!mark)
        return true;
    struct trb_slice after = slice_skip(all, (size_t)(mark - all.at) + 4);
    const char *end = after.len ? memchr(after.at, '\n', after.len) : NULL;
    if (end)
        c->rest = slice_skip(after, (size_t)(end - after.at));      /* its line end may begin a cut, too */
    c->line += count_lines(*ret_text) + 1;
    return true;
}

static void join(struct text *all, struct trb_slice one)
{
    if (all->len)
        text_addc(all, '\n');
    text_add(all, one);
}

/* What is wrong with one file, by kind; the last is what no kind is known of. */
struct faults {
    struct text of[RESOURCE_KINDS + 1];
};
#define UNKNOWN RESOURCE_KINDS

/* A document of no known kind is a fault that every reader meets. */
static void blame(struct faults *f, uint32_t kind, struct trb_slice fault)
{
    join(&f->of[kind], fault);
    for (uint32_t i = 0; kind == UNKNOWN && i < countof(readers); i++)
        join(&f->of[readers[i]], fault);
}

/* true: there was one. */
static bool tell(const struct resource_query *q, const char *file, struct faults *f)
{
    bool any = f->of[UNKNOWN].len;
    if (f->of[UNKNOWN].len)
        resource_warn(q, "Could not determine resource type: %s", f->of[UNKNOWN].at);
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        any |= f->of[kind].len > 0;
        if (f->of[kind].len)
            resource_warn(q, "daprd load %s error when parsing manifests yaml resource in %s: %s",
                          resource_kind_name(kind), file, f->of[kind].at);
    }
    for (uint32_t kind = 0; kind <= UNKNOWN; kind++)
        text_fini(&f->of[kind]);
    return any;
}

void set_read(struct set_builder *b, const char *file, struct trb_slice text)
{
    struct faults faults = {0};
    struct text fault = {0};
    struct cutter c = {.rest = text.at ? text : slice_of(""), .line = 1};
    struct document d = {.file = file};
    uint32_t kind;
    while (cut(&c, &d.text, &d.line)) {
        struct resource *r = resource_read(&d, b->query, &kind, &fault);
        if (r)
            set_offer(b, r);
        else if (fault.len)
            blame(&faults, kind, text_slice(&fault));
        text_clear(&fault);
    }
    if (tell(b->query, file, &faults) || !slice_trim(text).len)
        set_incomplete(b, file);
    text_fini(&fault);
}

trb_code resource_set_parse(const char *file, struct trb_slice text, const struct resource_query *query,
                            struct resource_set **ret_set, struct trb_error *err)
{
    struct set_builder b;
    set_begin(&b, query);
    set_read(&b, file, text);
    *ret_set = set_finish(&b);
    return TRB_OK;
}
