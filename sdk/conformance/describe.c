/* describe: one options table, three forms. */
#include "describe.h"
#include <base/check.h>
#include <stdio.h>
#include <trilby/options.h>

static const struct trb_option *option(const struct trb_component *c, size_t i)
{
    return (const struct trb_option *)(const void *)((const char *)(const void *)c->options + i * c->option_size);
}

static const char *type_word(const struct trb_option *o)
{
    static const char *const words[] = {"", "text", "true or false", "number", "size", "duration", "choice", "decimal",
                                        "any name with this beginning"};
    return o->type < countof(words) ? words[o->type] : "";
}

static const char *run_word(uint32_t run)
{
    static const char *const words[] = {"", "one instance on each event loop", "one instance on one event loop",
                                        "one instance, called on worker threads", "one instance, called on every event loop"};
    return run < countof(words) ? words[run] : "";
}

/* --------------------------------------------------------------------------------------- page */
static void add_cell(struct text *t, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            text_addc(t, '\\');
        text_addc(t, *text);
    }
}

static void add_row(struct text *t, const struct trb_option *o)
{
    text_addf(t, "| `%s`", o->name);
    if (o->aliases) {
        struct trb_slice rest = slice_of(o->aliases);
        while (rest.at) {
            struct trb_slice alias = slice_split(&rest, '|');
            text_addf(t, ", `%.*s`", SLICE_ARG(alias));
        }
    }
    text_addf(t, " | %s | ", type_word(o));
    if (o->required)
        text_adds(t, "required");
    else if (o->fallback)
        text_addf(t, "`%s`", o->fallback);
    text_adds(t, " | ");
    add_cell(t, o->doc);
    if (o->choices) {
        text_adds(t, " One of ");
        add_cell(t, o->choices);
        text_addc(t, '.');
    }
    if (o->example)
        text_addf(t, " Example: `%s`.", o->example);
    if (o->sensitive)
        text_adds(t, " Secret: give it by `secretKeyRef`.");
    if (o->deprecated)
        text_adds(t, " Deprecated.");
    text_adds(t, " |\n");
}

static void add_caps(struct text *t, const struct subject *s)
{
    const char *between = "";
    for (uint32_t i = 0; s->facts->block.cap_names[i]; i++)
        if (s->component->caps & (1ull << i)) {
            text_addf(t, "%s`%s`", between, s->facts->block.cap_names[i]);
            between = ", ";
        }
    if (!*between)
        text_adds(t, "none");
}

static void add_sample(struct text *t, const struct trb_component *c)
{
    text_addf(t, "```yaml\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: %s\nspec:\n  type: %s\n"
                 "  version: %s\n", c->block, c->type, c->version);
    const char *head = "  metadata:\n";
    for (size_t i = 0; i < c->option_count; i++) {
        const struct trb_option *o = option(c, i);
        if (!o->required && !o->example)
            continue;
        text_adds(t, head);
        head = "";
        text_addf(t, "    - name: %s\n      value: \"%s\"\n", o->name, o->example ? o->example : o->fallback ? o->fallback : "…");
    }
    text_adds(t, "```\n");
}

static void add_body(struct text *t, const struct subject *s, const char *mark)
{
    const struct trb_component *c = s->component;
    text_addf(t, "| Runs as | %s |\n| Features | ", run_word(c->run));
    add_caps(t, s);
    text_addf(t, " |\n\n%s Options\n\n", mark);
    if (!c->option_count)
        text_adds(t, "None.\n");
    else
        text_adds(t, "| Name | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < c->option_count; i++)
        add_row(t, option(c, i));
    text_addf(t, "\n%s Example\n\n", mark);
    add_sample(t, c);
}

static bool is_further_version(const struct subject *s, const struct trb_component *c)
{
    return c != s->component && strcmp(c->type, s->component->type) == 0;
}

static void add_versions(struct text *t, const struct subject *s)
{
    struct text further = {0};
    for (const struct trb_component *const *all = s->plugin->manifest->components; *all; all++)
        if (is_further_version(s, *all))
            text_addf(&further, ", %s", (*all)->version);
    text_addf(t, "| Component version%s | %s%s |\n", further.len ? "s" : "", s->component->version, further.len ? further.at : "");
    text_fini(&further);
}

static void page(struct text *t, const struct subject *s)
{
    const struct trb_component *c = s->component, *const *all = s->plugin->manifest->components;
    text_addf(t, "# %s\n\n%s\n\n| | |\n| --- | --- |\n| Plugin | `%s`, version %s, %s |\n", c->type, c->summary,
              s->plugin->file, s->plugin->manifest->version, s->plugin->manifest->license);
    add_versions(t, s);
    add_body(t, s, "##");
    for (; *all; all++) {                       /* the other versions of the type */
        struct subject other = *s;
        other.component = *all;
        if (!is_further_version(s, *all))
            continue;
        text_addf(t, "\n## Version %s\n\n%s\n\n| | |\n| --- | --- |\n", (*all)->version, (*all)->summary);
        add_body(t, &other, "###");
    }
}

/* -------------------------------------------------------------------------------------- schema */
static void add_member(struct text *t, const char *name, const char *value)
{
    if (!value)
        return;
    text_addf(t, ",\"%s\":", name);
    text_add_json(t, slice_of(value), false);
}

static void add_property(struct text *t, const struct trb_option *o)
{
    text_add_json(t, slice_of(o->name), false);
    text_adds(t, ":{\"type\":\"string\"");
    add_member(t, "description", o->doc);
    add_member(t, "default", o->fallback);
    if (o->type == TRB_OPTION_INT)
        add_member(t, "pattern", "^[+-]?[0-9]+$");
    if (o->sensitive)
        text_adds(t, ",\"writeOnly\":true");
    if (o->deprecated)
        text_adds(t, ",\"deprecated\":true");
    if (o->choices) {
        struct trb_slice rest = slice_of(o->choices);
        const char *between = ",\"enum\":[";
        while (rest.at) {
            text_adds(t, between);
            text_add_json(t, slice_split(&rest, '|'), false);
            between = ",";
        }
        text_addc(t, ']');
    }
    text_addc(t, '}');
}

static void schema(struct text *t, const struct subject *s)
{
    const struct trb_component *c = s->component;
    const char *between = "";
    text_adds(t, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":");
    text_add_json(t, slice_of(c->type), false);
    add_member(t, "description", c->summary);
    text_adds(t, ",\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < c->option_count; i++)
        if (option(c, i)->type != TRB_OPTION_OPEN) {
            text_adds(t, between);
            add_property(t, option(c, i));
            between = ",";
        }
    text_adds(t, "},\"required\":[");
    between = "";
    for (size_t i = 0; i < c->option_count; i++)
        if (option(c, i)->required) {
            text_adds(t, between);
            text_add_json(t, slice_of(option(c, i)->name), false);
            between = ",";
        }
    text_adds(t, "]}\n");
}

/* ------------------------------------------------------------------------------- metadata.yaml */
static const char *yaml_type(const struct trb_option *o)
{
    switch (o->type) {
    case TRB_OPTION_BOOL: return "bool";
    case TRB_OPTION_INT:
    case TRB_OPTION_NUMBER: return "number";
    case TRB_OPTION_BYTES: return "bytesize";
    case TRB_OPTION_DURATION: return "duration";
    default: return "string";
    }
}

static void add_yaml(struct text *t, const char *indent, const char *name, const char *value)
{
    if (!value)
        return;
    text_addf(t, "%s%s: ", indent, name);
    text_add_json(t, slice_of(value), false);
    text_addc(t, '\n');
}

static void add_yaml_option(struct text *t, const struct trb_option *o)
{
    text_addf(t, "  - name: %s\n    type: %s\n", o->name, yaml_type(o));
    text_addf(t, "    required: %s\n", o->required ? "true" : "false");
    if (o->sensitive)
        text_adds(t, "    sensitive: true\n");
    add_yaml(t, "    ", "description", o->doc);
    add_yaml(t, "    ", "default", o->fallback);
    add_yaml(t, "    ", "example", o->example);
    struct trb_slice rest = slice_of(o->choices);
    if (rest.at)
        text_adds(t, "    allowedValues:\n");
    while (rest.at) {
        struct trb_slice choice = slice_split(&rest, '|');
        text_addf(t, "      - \"%.*s\"\n", SLICE_ARG(choice));
    }
}

static void metadata(struct text *t, const struct subject *s)
{
    const struct trb_component *c = s->component;
    text_addf(t, "schemaVersion: v1\ntype: %s\nname: %s\nversion: %s\nstatus: stable\n", c->block,
              c->type + strlen(c->block) + 1, c->version);
    add_yaml(t, "", "title", c->type);
    add_yaml(t, "", "description", c->summary);
    if (c->caps)
        text_adds(t, "capabilities:\n");
    for (uint32_t i = 0; s->facts->block.cap_names[i]; i++)
        if (c->caps & (1ull << i))
            text_addf(t, "  - %s\n", s->facts->block.cap_names[i]);
    text_adds(t, c->option_count ? "metadata:\n" : "metadata: []\n");
    for (size_t i = 0; i < c->option_count; i++)
        if (option(c, i)->type != TRB_OPTION_OPEN)
            add_yaml_option(t, option(c, i));
}

int describe(const struct subject *s, const char *form)
{
    struct text t = {0};
    if (!strcmp(form, "schema"))
        schema(&t, s);
    else if (!strcmp(form, "metadata"))
        metadata(&t, s);
    else
        page(&t, s);
    size_t wrote = fwrite(t.at, 1, t.len, stdout);
    int rc = wrote == t.len && !fflush(stdout) ? 0 : 2;
    text_fini(&t);
    return rc;
}
