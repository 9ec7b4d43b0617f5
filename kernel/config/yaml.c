/* yaml: a text's first document, read through libyaml, and what is said when it is none. The tree is
 * built in yaml_compose.c, questions about scalars are in yaml_scalar.c, JSON in yaml_json.c. */
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/yaml_compose.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_DIRECTIVES 100u

static struct yaml_place place_of(const struct yaml_composer *c, yaml_mark_t mark)
{
    return (struct yaml_place){c->file, c->first_line + (uint32_t)mark.line, (uint32_t)mark.column + 1};
}

void *yaml_refuse(struct yaml_composer *c, yaml_mark_t mark, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->fault->what, sizeof c->fault->what, format, args);
    va_end(args);
    c->fault->place = place_of(c, mark);
    return NULL;
}

/* libyaml knows only the offset of a byte it could not read. */
static yaml_mark_t mark_of_offset(struct trb_slice text, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column++;
        if (text.at[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

/* The reference names the line of the context, or else of the problem, and counts from 0 unless the
 * scanner complains; line 0 it does not name at all. */
static uint32_t said_line(const yaml_parser_t *p)
{
    size_t line = p->context_mark.line ? p->context_mark.line : p->problem_mark.line;
    return (uint32_t)(line && p->error == YAML_SCANNER_ERROR ? line + 1 : line);
}

static void refuse_syntax(struct yaml_composer *c)
{
    const yaml_parser_t *p = &c->parser;
    yaml_mark_t mark = p->error == YAML_READER_ERROR ? mark_of_offset(c->text, p->problem_offset)
                                                     : p->problem_mark;
    yaml_refuse(c, mark, "%s", p->problem ? p->problem : "unknown problem parsing YAML content");
    c->fault->said_line = said_line(p);
}

bool yaml_next_event(struct yaml_composer *c, yaml_event_t *ret_event)
{
    if (yaml_parser_parse(&c->parser, ret_event))
        return true;
    refuse_syntax(c);
    return false;
}

/* Stream start and document start come first. An empty text has no document: ret_root is NULL. */
static bool read_document(struct yaml_composer *c, struct yaml_node **ret_root)
{
    yaml_event_t event;
    yaml_event_type_t type;
    do {
        if (!yaml_next_event(c, &event))
            return false;
        type = event.type;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_STREAM_END_EVENT)
            yaml_event_delete(&event);
    } while (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT);
    *ret_root = type == YAML_STREAM_END_EVENT ? NULL : yaml_compose(c, &event, 0);
    if (type == YAML_STREAM_END_EVENT)
        return true;
    /* The end is read too: what follows the root on its own lines may be no YAML. */
    if (!*ret_root || !yaml_next_event(c, &event))
        return false;
    yaml_event_delete(&event);
    return true;
}

/* libyaml compares each directive with all before it. */
static bool has_many_directives(struct trb_slice text)
{
    uint32_t count = 0;
    while (text.at && count <= MAX_DIRECTIVES) {
        struct trb_slice line = slice_split(&text, '\n');
        count += slice_starts(line, SLICE("%TAG"));
    }
    return count > MAX_DIRECTIVES;
}

static bool begin(struct yaml_composer *c)
{
    if (has_many_directives(c->text))
        return yaml_refuse(c, (yaml_mark_t){0}, "there are more than %u %%TAG directives", MAX_DIRECTIVES);
    if (c->text.len > YAML_MAX_BYTES)
        return yaml_refuse(c, (yaml_mark_t){0}, "the text is larger than %u MiB", YAML_MAX_BYTES >> 20);
    if (!yaml_parser_initialize(&c->parser))
        return yaml_refuse(c, (yaml_mark_t){0}, "there is no memory to read it");
    yaml_parser_set_input_string(&c->parser, (const unsigned char *)c->text.at, c->text.len);
    return true;
}

trb_code yaml_parse(struct arena *arena, const char *file, uint32_t line, struct trb_slice text,
                    struct yaml_node **ret_root, struct yaml_fault *ret_fault)
{
    struct yaml_fault fault = {0};
    struct yaml_node *root = NULL;
    struct yaml_composer c = {.arena = arena, .file = arena_name(arena, slice_of(file ? file : "")).at,
                              .first_line = line, .text = text.at ? text : slice_of(""), .fault = &fault};
    bool good = begin(&c) && read_document(&c, &root);
    yaml_parser_delete(&c.parser);
    map_fini(&c.anchors);
    mem_free(c.stack);
    if (!good) {
        if (ret_fault)
            *ret_fault = fault;
        return TRB_INVALID;
    }
    *ret_root = root;
    return TRB_OK;
}

trb_code yaml_read(struct arena *arena, const char *file, uint32_t line, struct trb_slice text,
                   struct yaml_node **ret_root, struct trb_error *err)
{
    struct yaml_fault fault;
    if (!yaml_parse(arena, file, line, text, ret_root, &fault))
        return TRB_OK;
    return error_set(err, TRB_INVALID, "YAML", "%s:%u:%u: %s", fault.place.file, fault.place.line,
                     fault.place.column, fault.what);
}

struct trb_name yaml_fault_text(struct arena *arena, const struct yaml_fault *fault)
{
    if (!fault->said_line)
        return arena_printf(arena, "yaml: %s", fault->what);
    return arena_printf(arena, "yaml: line %u: %s", fault->said_line, fault->what);
}

const char *yaml_place_text(struct arena *arena, struct yaml_place place)
{
    return arena_printf(arena, "%s:%u", place.file ? place.file : "", place.line).at;
}
