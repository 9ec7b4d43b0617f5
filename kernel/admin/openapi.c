/* openapi: tables into a document. What every call has (the guard's refusals) is added here. */
#include <admin/calls.h>
#include <admin/openapi.h>
#include <admin/schemas.h>
#include <base/slice.h>

static void add_text(struct text *t, const char *member, const char *value)
{
    text_addf(t, ",\"%s\":", member);
    text_add_json(t, slice_of(value), false);
}

static void add_reference(struct text *t, const char *schema)
{
    text_addf(t, "{\"$ref\":\"#/components/schemas/%s\"}", schema);
}

/* ------------------------------------------------------------------------------------- schemas */
static void add_words(struct text *t, struct trb_slice words)
{
    bool is_later = false;
    text_adds(t, "{\"type\":\"string\",\"enum\":[");
    while (words.at) {
        text_adds(t, is_later ? "," : "");
        text_add_json(t, slice_split(&words, '|'), false);
        is_later = true;
    }
    text_adds(t, "]}");
}

static bool is_plain(const char *type)
{
    static const char *const plain[] = {"string", "integer", "boolean", "object"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (!strcmp(type, plain[i]))
            return true;
    return false;
}

static void add_type(struct text *t, const char *type)
{
    if (!strncmp(type, "[]", 2)) {
        text_adds(t, "{\"type\":\"array\",\"items\":");
        add_type(t, type + 2);
        text_addc(t, '}');
    } else if (*type == '#') {
        add_reference(t, type + 1);
    } else if (is_plain(type)) {
        text_addf(t, "{\"type\":\"%s\"}", type);
    } else {
        add_words(t, slice_of(type));
    }
}

/* The type is an object of its own: its doc joins it before the last brace. */
static void add_field(struct text *t, const struct schema_field *f)
{
    text_add_json(t, slice_of(f->name), false);
    text_addc(t, ':');
    add_type(t, f->type);
    t->len--;
    add_text(t, "description", f->doc);
    text_addc(t, '}');
}

static void add_schema(struct text *t, const struct schema *s)
{
    bool is_later = false;
    text_addf(t, "\"%s\":{\"type\":\"object\"", s->name);
    add_text(t, "description", s->doc);
    text_adds(t, ",\"properties\":{");
    for (const struct schema_field *f = s->fields; f->name; f++) {
        text_adds(t, f == s->fields ? "" : ",");
        add_field(t, f);
    }
    text_adds(t, "},\"required\":[");
    for (const struct schema_field *f = s->fields; f->name; f++)
        if (!f->is_optional) {
            text_addf(t, "%s\"%s\"", is_later ? "," : "", f->name);
            is_later = true;
        }
    text_adds(t, "]}");
}

static void add_schemas(struct text *t)
{
    size_t count;
    const struct schema *s = schemas_all(&count);
    text_adds(t, "\"schemas\":{");
    for (size_t i = 0; i < count; i++) {
        text_adds(t, i ? "," : "");
        add_schema(t, &s[i]);
    }
    text_addc(t, '}');
}

/* ----------------------------------------------------------------------------------- responses */
static const struct {
    const char *status, *doc;
} failures[] = {
    {"400", "What was given is not as it has to be."},
    {"401", "The token is missing or wrong; on a port only."},
    {"403", "Who speaks may not: another user, another Host, a browser, or a change without the header of one."},
    {"404", "There is no such component or plugin."},
    {"409", "It is being changed already."},
    {"413", "The body is larger than 1 MiB."},
    {"503", "The new one did not come up, and everything is as it was; or the runtime is starting, stopping or being built again."},
};

static void add_failures(struct text *t)
{
    text_adds(t, "\"responses\":{");
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        text_addf(t, "%s\"%s\":{\"description\":", i ? "," : "", failures[i].status);
        text_add_json(t, slice_of(failures[i].doc), false);
        text_adds(t, ",\"content\":{\"application/json\":{\"schema\":");
        add_reference(t, "Error");
        text_adds(t, "}}}");
    }
    text_addc(t, '}');
}

static bool can_fail(const struct admin_call *c, const char *status)
{
    struct trb_slice rest = slice_of(c->fails);
    while (rest.at)
        if (slice_is(slice_split(&rest, ' '), slice_of(status)))
            return true;
    return !strcmp(status, "401") || !strcmp(status, "403") || !strcmp(status, "413");
}

static void add_responses(struct text *t, const struct admin_call *c)
{
    text_adds(t, ",\"responses\":{\"200\":{\"description\":\"It went well.\",\"content\":{\"application/json\":{\"schema\":");
    add_reference(t, c->gives);
    text_adds(t, "}}}");
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (can_fail(c, failures[i].status))
            text_addf(t, ",\"%s\":{\"$ref\":\"#/components/responses/%s\"}", failures[i].status, failures[i].status);
    text_addc(t, '}');
}

/* --------------------------------------------------------------------------------------- calls */
static void add_body(struct text *t, const char *takes)
{
    text_adds(t, ",\"requestBody\":{\"required\":true,\"content\":{");
    if (!strcmp(takes, "yaml")) {
        text_adds(t, "\"application/yaml\":{\"schema\":{\"type\":\"string\"}}");
    } else {
        text_adds(t, "\"application/json\":{\"schema\":");
        add_reference(t, takes);
        text_addc(t, '}');
    }
    text_adds(t, "}}");
}

/* A change without a body has no media type that tells it from a form's. */
static void add_parameters(struct text *t, const struct admin_call *c)
{
    bool has_mark = calls_is_change(slice_of(c->method)) && !c->takes;
    text_adds(t, ",\"parameters\":[");
    if (c->name) {
        text_adds(t, "{\"name\":\"name\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}");
        add_text(t, "description", c->name);
        text_addc(t, '}');
    }
    if (has_mark)
        text_addf(t, "%s{\"$ref\":\"#/components/parameters/mark\"}", c->name ? "," : "");
    text_addc(t, ']');
}

static void add_method(struct text *t, const char *method)
{
    text_addc(t, '"');
    for (; *method; method++)
        text_addc(t, (char)(*method | 0x20));
    text_adds(t, "\":{");
}

static void add_call(struct text *t, const struct admin_call *c)
{
    add_method(t, c->method);
    text_addf(t, "\"operationId\":\"%s\"", c->id);
    add_text(t, "summary", c->summary);
    if (c->doc)
        add_text(t, "description", c->doc);
    add_parameters(t, c);
    if (c->takes)
        add_body(t, c->takes);
    add_responses(t, c);
    text_addc(t, '}');
}

static bool is_first_of_its_path(const struct admin_call *all, size_t i)
{
    for (size_t n = 0; n < i; n++)
        if (!strcmp(all[n].path, all[i].path))
            return false;
    return true;
}

static void add_paths(struct text *t)
{
    size_t count;
    const struct admin_call *all = calls_all(&count);
    text_adds(t, ",\"paths\":{");
    for (size_t i = 0; i < count; i++) {
        if (!is_first_of_its_path(all, i))
            continue;
        text_addf(t, "%s\"%s\":{", i ? "," : "", all[i].path);
        for (size_t n = i; n < count; n++) {
            if (strcmp(all[n].path, all[i].path))
                continue;
            text_adds(t, n > i ? "," : "");
            add_call(t, &all[n]);
        }
        text_addc(t, '}');
    }
    text_addc(t, '}');
}

void openapi_write(const char *version, struct text *t)
{
    text_adds(t, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Trilby's admin API\",\"description\":"
                 "\"Looks into a running sidecar and changes it. On a Unix socket the peer's user decides who may speak, "
                 "on a port the token does.\"");
    add_text(t, "version", version);
    text_adds(t, "},\"servers\":[{\"url\":\"/\"}],\"security\":[{},{\"token\":[]}]");
    add_paths(t);
    text_adds(t, ",\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\","
                 "\"description\":\"The token of --admin-token-file; on a port only.\"}},"
                 "\"parameters\":{\"mark\":{\"name\":\"X-Trilby-Admin\",\"in\":\"header\",\"required\":true,"
                 "\"schema\":{\"type\":\"string\",\"enum\":[\"1\"]},"
                 "\"description\":\"A change says that it is meant: no form of a web page can send this header. "
                 "A Content-Type that no form can send does as well.\"}},");
    add_failures(t);
    text_addc(t, ',');
    add_schemas(t);
    text_adds(t, "}}");
}
