/* isolation: the words of the command line and of annotations, as limits. */
#include <base/codec.h>
#include <base/error.h>
#include <base/slice.h>
#include <isolate/isolate.h>
#include <runtime/isolation.h>
#include <stdlib.h>

#define LEAST_MEMORY (16ll << 20)
#define LEAST_DESCRIPTORS 32

/* Without a component nothing is said, and the flags count. */
static struct trb_slice annotation(const struct component *c, const char *name)
{
    if (!c)
        return (struct trb_slice){0};
    struct yaml_node *metadata = yaml_get(c->head.root, "metadata");
    struct yaml_node *node = yaml_get(yaml_get(metadata, "annotations"), name);
    return node ? slice_trim(slice_name(node->text)) : (struct trb_slice){0};
}

static bool is_listed(const struct flag_list *list, struct trb_slice name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_is(slice_name(list->at[i]), name) || slice_is(slice_name(list->at[i]), SLICE("all")))
            return true;
    return false;
}

static bool is_wanted(const struct flags *f, const struct component *c)
{
    struct trb_slice said = annotation(c, "trilby.io/isolate");
    return said.len ? slice_is_truthy(said) : is_listed(&f->isolate, slice_name(c->head.name));
}

static trb_code refuse(struct trb_error *err, const char *what, struct trb_slice value, const char *wants)
{
    return error_set(err, TRB_INVALID, "BAD_LIMIT", "%s: '%.*s' is not accepted, it expects %s", what, SLICE_ARG(value), wants);
}

static trb_code read_memory(struct trb_slice value, uint64_t *ret, struct trb_error *err)
{
    int64_t bytes;
    if (!quantity_parse(value, &bytes) || (bytes && bytes < LEAST_MEMORY))
        return refuse(err, "isolate-memory", value, "a size such as 512Mi, at least 16Mi, or 0 for no limit");
    *ret = (uint64_t)bytes;
    return TRB_OK;
}

static trb_code read_descriptors(struct trb_slice value, uint32_t *ret, struct trb_error *err)
{
    uint64_t count;
    if (!slice_to_u64(value, &count) || (count && count < LEAST_DESCRIPTORS) || count > 1u << 20)
        return refuse(err, "isolate-descriptors", value, "a number, at least 32, or 0 for no limit");
    *ret = (uint32_t)count;
    return TRB_OK;
}

static trb_code read_cpu(struct trb_slice value, uint32_t *ret, struct trb_error *err)
{
    char text[32], *end = text;
    struct trb_slice cut = slice_cut(value, sizeof text - 1);
    memcpy(text, cut.at, cut.len);
    text[cut.len] = 0;
    double cpus = strtod(text, &end);
    if (!cut.len || *end || !(cpus >= 0) || cpus > 1024)
        return refuse(err, "isolate-cpu", value, "how many processors, such as 0.5 or 2, or 0 for no limit");
    *ret = (uint32_t)(cpus * 100);
    return TRB_OK;
}

static trb_code read_network(struct trb_slice value, bool *ret, struct trb_error *err)
{
    *ret = slice_is_nocase(value, SLICE("open"));
    if (*ret || slice_is_nocase(value, SLICE("named")))
        return TRB_OK;
    return refuse(err, "isolate-network", value, "named or open");
}

/* named, open, or paths that may be written beside the named ones. */
static trb_code read_files(struct trb_slice value, struct isolate_limits *ret, struct trb_error *err)
{
    ret->may_open = slice_is_nocase(value, SLICE("open"));
    if (ret->may_open || slice_is_nocase(value, SLICE("named")))
        return TRB_OK;
    ret->writes = value;
    for (struct trb_slice rest = value; rest.at;)
        if (!slice_starts(slice_trim(slice_split(&rest, ',')), SLICE("/")))
            return refuse(err, "isolate-files", value, "named, open, or absolute paths separated by commas");
    return TRB_OK;
}

static struct trb_slice either(struct trb_slice said, struct trb_name otherwise)
{
    return said.len ? said : slice_name(otherwise);
}

static trb_code read_limits(const struct flags *f, const struct component *c, struct isolate_limits *ret, struct trb_error *err)
{
    trb_code code = read_memory(either(annotation(c, "trilby.io/isolate-memory"), f->isolate_memory), &ret->memory_bytes, err);
    if (!code)
        code = read_descriptors(either(annotation(c, "trilby.io/isolate-descriptors"), f->isolate_descriptors), &ret->descriptors, err);
    if (!code)
        code = read_cpu(either(annotation(c, "trilby.io/isolate-cpu"), f->isolate_cpu), &ret->cpu_percent, err);
    if (!code)
        code = read_network(either(annotation(c, "trilby.io/isolate-network"), f->isolate_network), &ret->may_dial, err);
    return code ? code : read_files(either(annotation(c, "trilby.io/isolate-files"), f->isolate_files), ret, err);
}

trb_code isolation_check(const struct flags *f, struct trb_error *err)
{
    struct isolate_limits unused = {0};
    return read_limits(f, NULL, &unused, err);
}

trb_code isolation_apply(const struct flags *f, const struct component *c, struct plugin *plugin, struct instance_spec *spec,
                         struct trb_error *err)
{
    struct isolate_limits limits = {0};
    const struct trb_component *real = plugin_component(plugin, spec->as.at ? spec->as : spec->type, spec->version);
    if (!is_wanted(f, c) || !real)                     /* that it is not there is said by who looks for it next */
        return TRB_OK;
    trb_code code = read_limits(f, c, &limits, err);
    if (code)
        return code;
    spec->given_up = isolate_given_up;
    return isolate_component(plugin, real, &limits, &spec->instead, err);
}

void isolation_undo(struct instance_spec *spec)
{
    if (spec->instead)
        isolate_given_up(spec->instead);
}
