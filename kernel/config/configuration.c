/* configuration: files into one tree, the tree into struct configuration. */
#include <base/mem.h>
#include <config/configuration_read.h>
#include <stdio.h>

struct loading {
    struct configuration *c;
    const struct environment *env;
    struct yaml_node *tree;                    /* of all files so far */
    struct trb_error *err;
};

/* --- one tree --------------------------------------------------------------------------------- */

static trb_code check_document(struct loading *l, const struct yaml_node *root)
{
    const struct yaml_node *first = NULL, *again = yaml_repeated(root, &first);
    if (again)
        return error_set(l->err, TRB_INVALID, "CONFIGURATION",
                         CONFIGURATION_PREFIX "%s: %s is there already, on line %u",
                         yaml_place_text(l->c->arena, again->place), again->text.at, first->place.line);
    if (yaml_is_null(root) || root->kind == YAML_MAPPING)
        return TRB_OK;
    return error_set(l->err, TRB_INVALID, "CONFIGURATION", CONFIGURATION_PREFIX "%s: the document must be a mapping",
                     yaml_place_text(l->c->arena, root->place));
}

static trb_code refuse_yaml(struct loading *l, const struct yaml_fault *fault)
{
    return error_set(l->err, TRB_INVALID, "CONFIGURATION", CONFIGURATION_PREFIX "%s (%s:%u:%u)",
                     yaml_fault_text(l->c->arena, fault).at, fault->place.file, fault->place.line,
                     fault->place.column);
}

static trb_code add_text(struct loading *l, const char *file, struct trb_slice text)
{
    struct yaml_fault fault;
    struct yaml_node *root = NULL;
    struct text expanded = {0};
    configuration_expand(text, &expanded);
    trb_code code = yaml_parse(l->c->arena, file, 1, text_slice(&expanded), &root, &fault);
    text_fini(&expanded);
    code = code ? refuse_yaml(l, &fault) : check_document(l, root);
    if (!code)
        l->tree = yaml_merge(l->c->arena, l->tree, root);
    return code;
}

static trb_code add_file(struct loading *l, const char *file)
{
    struct text text = {0};
    trb_code code = configuration_read_file(file, &text, l->err);
    if (!code)
        code = add_text(l, file, text_slice(&text));
    mem_wipe(text.at, text.len);
    text_fini(&text);
    return code;
}

/* --- the spec --------------------------------------------------------------------------------- */

static struct configuration_pipeline read_pipeline(struct reader *r, struct yaml_node *spec, const char *path)
{
    struct configuration_pipeline pipeline = {0};
    char handlers[64];
    snprintf(handlers, sizeof handlers, "%s.handlers", path);
    struct yaml_node *list = reader_list(r, reader_mapping(r, spec, path), handlers);
    pipeline.at = reader_room(r, list, struct configuration_handler);
    for (uint32_t i = 0; i < field_count(list); i++) {
        struct yaml_node *item = field_item(&r->fields, list, i, handlers);
        pipeline.at[pipeline.count++] = (struct configuration_handler){
            .name = field_or_empty(reader_text(r, item, "handlers.name")),
            .type = field_or_empty(reader_text(r, item, "handlers.type")),
            .version = reader_text_or(r, item, "handlers.version", NAME("v1"))};
    }
    return pipeline;
}

static void read_resolver(struct reader *r, struct yaml_node *spec)
{
    struct configuration *c = r->c;
    struct yaml_node *resolution = reader_mapping(r, spec, "spec.nameResolution");
    struct yaml_node *given = yaml_get(resolution, "configuration");
    c->resolver = reader_text_or(r, resolution, "spec.nameResolution.component", (struct trb_name){0});
    c->resolver_version = reader_text_or(r, resolution, "spec.nameResolution.version", NAME("v1"));
    c->resolver_properties.stride = sizeof(struct trb_pair);
    if (yaml_is_null(given))
        return;
    struct text json = {0};
    yaml_to_json(given, &json);
    c->resolver_configuration = slice_name(arena_name(c->arena, text_slice(&json)));
    text_fini(&json);
    if (given->kind != YAML_MAPPING)
        return;
    struct trb_pair *pairs = reader_room(r, given, struct trb_pair);
    for (uint32_t i = 0; i < given->count; i++)
        pairs[i] = (struct trb_pair){given->pairs[i].key->text,
                                     field_or_empty(yaml_value(c->arena, given->pairs[i].value))};
    c->resolver_properties.at = pairs;
    c->resolver_properties.count = given->count;
}

static void read_logging(struct reader *r, struct yaml_node *spec)
{
    struct yaml_node *logging = reader_mapping(r, spec, "spec.logging");
    struct yaml_node *api = reader_mapping(r, logging, "spec.logging.apiLogging");
    r->c->api_logging = reader_bool(r, api, "spec.logging.apiLogging.enabled", false);
    r->c->obfuscate_urls = reader_bool(r, api, "spec.logging.apiLogging.obfuscateURLs", false);
    r->c->omit_health_checks = reader_bool(r, api, "spec.logging.apiLogging.omitHealthChecks", false);
}

static void read_small_parts(struct reader *r, struct yaml_node *spec)
{
    struct configuration *c = r->c;
    c->http_pipeline = read_pipeline(r, spec, "spec.httpPipeline");
    c->app_http_pipeline = read_pipeline(r, spec, "spec.appHttpPipeline");
    c->denied_components = reader_texts(r, reader_mapping(r, spec, "spec.components"), "spec.components.deny");
    c->strict_sandbox = reader_bool(r, reader_mapping(r, spec, "spec.wasm"), "spec.wasm.strictSandbox", false);
    struct yaml_node *mtls = reader_mapping(r, spec, "spec.mtls");
    reader_bool(r, mtls, "spec.mtls.enabled", false);        /* others read it; its type is checked here */
    read_logging(r, spec);
    read_resolver(r, spec);
}

static trb_code check_fields(struct loading *l, const struct reader *r)
{
    if (!r->fields.fault.at)
        return TRB_OK;
    return error_set(l->err, TRB_INVALID, "CONFIGURATION", CONFIGURATION_PREFIX "%s", r->fields.fault.at);
}

/* Sentences of one part would be wrong about a part that could not be read: faults come first. */
static trb_code read_spec(struct loading *l, struct reader *r, struct yaml_node *spec)
{
    static trb_code (*const parts[])(struct reader *, struct yaml_node *, struct trb_error *) = {
        read_tracing, read_scopes, read_access};
    read_small_parts(r, spec);
    read_metrics(r, spec);
    read_api(r, spec);
    read_workflow(r, spec);
    read_features(r, spec);
    trb_code code = check_fields(l, r);
    for (size_t i = 0; i < 3 && !code; i++) {
        code = parts[i](r, spec, l->err);
        if (!code)
            code = check_fields(l, r);
    }
    return code;
}

static trb_code finish(struct loading *l)
{
    struct configuration *c = l->c;
    struct reader r = {.fields = {.arena = c->arena}, .c = c, .env = l->env};
    struct yaml_node *spec = reader_mapping(&r, l->tree, "spec");
    trb_code code = read_spec(l, &r, spec);
    struct yaml_node *metadata = yaml_get(l->tree, "metadata");
    c->name = yaml_text(c->arena, yaml_get(metadata, "name"));
    struct text json = {0};
    if (spec)
        yaml_to_json(spec, &json);
    else
        text_adds(&json, "{}");
    c->spec = slice_name(arena_name(c->arena, text_slice(&json)));
    text_fini(&json);
    return code;
}

static void begin(struct loading *l, const struct environment *env, struct trb_error *err)
{
    struct arena *arena = arena_create(SIZE_MAX);
    *l = (struct loading){.c = arena_zero(arena, sizeof *l->c), .env = env, .err = err};
    l->c->arena = arena;
}

static trb_code end(struct loading *l, trb_code code, struct configuration **ret_configuration)
{
    if (!code)
        code = finish(l);
    if (code)
        configuration_destroy(l->c);
    else
        *ret_configuration = l->c;
    return code;
}

trb_code configuration_load(const struct trb_name *files, uint32_t count, const struct environment *env,
                            struct configuration **ret_configuration, struct trb_error *err)
{
    struct loading l;
    trb_code code = TRB_OK;
    begin(&l, env, err);
    for (uint32_t i = 0; i < count && !code; i++)
        code = add_file(&l, files[i].at);
    return end(&l, code, ret_configuration);
}

trb_code configuration_parse(const char *file, struct trb_slice text, const struct environment *env,
                             struct configuration **ret_configuration, struct trb_error *err)
{
    struct loading l;
    begin(&l, env, err);
    return end(&l, add_text(&l, file, text), ret_configuration);
}

struct configuration *configuration_destroy(struct configuration *c)
{
    if (c)
        arena_destroy(c->arena);
    return NULL;
}
