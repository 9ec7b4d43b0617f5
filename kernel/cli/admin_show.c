/* admin_show.c: a table for a list, lines with a name in front for one thing.
 * Not trusting: a member that is missing is shown as nothing. */
#include "cli/admin_show.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static char *joined(const cJSON *array)
{
    struct words words = {0};
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
        words_add(&words, cJSON_IsString(item) ? item->valuestring : "?");
    char *text = words_join(&words, ", ");
    words_fini(&words);
    return text;
}

/* A member as a cell: texts, numbers, yes for true, lists with commas. Free it. */
static char *cell(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);
    if (cJSON_IsString(value))
        return text_copy(value->valuestring);
    if (cJSON_IsNumber(value))
        return text_format("%.0f", value->valuedouble);
    if (cJSON_IsArray(value))
        return joined(value);
    return text_copy(cJSON_IsTrue(value) ? "yes" : "");
}

static void add_count(struct words *words, const cJSON *pins, const char *name, const char *one)
{
    double count = cJSON_GetNumberValue(member(pins, name));
    if (count >= 1)
        words_addf(words, "%.0f %s%s", count, one, count > 1 ? "s" : "");
}

char *show_pins(const cJSON *pins, bool has_age)
{
    struct words words = {0};
    double oldest = cJSON_GetNumberValue(member(pins, "oldestMs"));
    add_count(&words, pins, "calls", "call");
    add_count(&words, pins, "buffers", "buffer");
    add_count(&words, pins, "other", "other");
    if (has_age && oldest >= 1000)
        words_addf(&words, "oldest %.0f s", oldest / 1000);
    char *text = words_join(&words, ", ");
    words_fini(&words);
    return text;
}

static void add(struct table *t, char *cell)
{
    table_add(t, cell);
    free(cell);
}

static void end_table(struct table *t, struct text *page)
{
    table_show(t, page);
    table_fini(t);
}

/* --------------------------------------------------------------------------------------- lists */
static bool is_block(const cJSON *leaver)
{
    const char *kind = cJSON_GetStringValue(member(leaver, "kind"));
    return kind && !strcmp(kind, "block");
}

static char *leaving(const cJSON *plugin)
{
    struct words words = {0};
    const cJSON *one;
    cJSON_ArrayForEach(one, member(plugin, "leaving")) {
        char *pins = show_pins(member(one, "pins"), true), *name = cell(one, "name");
        words_addf(&words, "%s%s%s%s", is_block(one) ? "block " : "", name, *pins ? ": " : "", pins);
        free(pins);
        free(name);
    }
    char *text = words_join(&words, "; ");
    words_fini(&words);
    return text;
}

void show_plugins(const cJSON *answer, struct text *page)
{
    static const char *const titles[] = {"PLUGIN", "VERSION", "COPY", "NEWEST", "USERS", "BLOCKS", "COMPONENTS", "LEAVING", NULL};
    struct table t = {.titles = titles};
    const cJSON *one;
    cJSON_ArrayForEach(one, member(answer, "plugins")) {
        char *file = cell(one, "file");
        size_t len = strlen(file);
        add(&t, text_format("%.*s", (int)(len > 3 ? len - 3 : len), file));
        free(file);
        add(&t, cell(one, "version"));
        add(&t, cell(one, "copy"));
        add(&t, cell(one, "newest"));
        add(&t, cell(one, "users"));
        add(&t, cell(one, "blocks"));
        add(&t, cell(one, "components"));
        add(&t, leaving(one));
    }
    end_table(&t, page);
}

static char *type_of(const cJSON *component)
{
    char *type = cell(component, "type"), *version = cell(component, "version");
    char *text = text_format("%s%s%s", type, *version ? "/" : "", version);
    free(type);
    free(version);
    return text;
}

/* Why it does not serve, or what it waits for. */
static char *notes(const cJSON *component)
{
    if (member(component, "why"))
        return cell(component, "why");
    if (member(component, "leavingMs"))
        return text_format("leaving for %.0f s", cJSON_GetNumberValue(member(component, "leavingMs")) / 1000);
    return text_copy(cJSON_IsTrue(member(component, "lost")) ? "its product cannot be reached" : "");
}

void show_components(const cJSON *answer, struct text *page)
{
    static const char *const titles[] = {"NAME", "TYPE", "STATE", "COPY", "HELD BY", "NOTES", NULL};
    struct table t = {.titles = titles};
    const cJSON *one;
    if (!cJSON_GetArraySize(member(answer, "components"))) {
        text_add(page, "There are no components.\n");
        return;
    }
    cJSON_ArrayForEach(one, member(answer, "components")) {
        add(&t, cell(one, "name"));
        add(&t, type_of(one));
        add(&t, cell(one, "state"));
        add(&t, cell(one, "copy"));
        add(&t, show_pins(member(one, "pins"), true));
        add(&t, notes(one));
    }
    end_table(&t, page);
}

/* ---------------------------------------------------------------------------------- single things */
static void line(struct text *page, const char *name, char *value)
{
    if (*value)
        text_add(page, "%-12s %s\n", name, value);
    free(value);
}

static void show_options(const cJSON *options, struct text *page)
{
    static const char *const titles[] = {"OPTION", "VALUE", "FROM", NULL};
    struct table t = {.titles = titles};
    const cJSON *one;
    cJSON_ArrayForEach(one, options) {
        add(&t, cell(one, "name"));
        add(&t, cJSON_IsTrue(member(one, "redacted")) ? text_copy("(not shown)") : cell(one, "value"));
        add(&t, cell(one, "source"));
    }
    if (t.cells.count)
        text_add(page, "\n");
    if (t.cells.count)
        table_show(&t, page);
    table_fini(&t);
}

void show_component(const cJSON *answer, struct text *page)
{
    line(page, "name", cell(answer, "name"));
    line(page, "type", type_of(answer));
    line(page, "state", cell(answer, "state"));
    line(page, "copy", cell(answer, "copy"));
    line(page, "held by", show_pins(member(answer, "pins"), true));
    line(page, "notes", notes(answer));
    show_options(member(answer, "options"), page);
}

void show_features(const cJSON *answer, struct text *page)
{
    const cJSON *abi = member(answer, "abi"), *build = member(answer, "build");
    char *major = cell(abi, "major"), *minor = cell(abi, "minor"), *block = cell(abi, "block");
    line(page, "app id", cell(answer, "appId"));
    line(page, "version", cell(answer, "version"));
    line(page, "commit", cell(build, "commit"));
    line(page, "compiler", cell(build, "compiler"));
    line(page, "plugin ABI", text_format("%s.%s, blocks %s", major, minor, block));
    line(page, "set", cell(answer, "set"));
    line(page, "blocks", cell(answer, "blocks"));
    line(page, "plugins", cell(answer, "plugins"));
    line(page, "folders", cell(answer, "folders"));
    line(page, "preview", cell(answer, "preview"));
    free(major);
    free(minor);
    free(block);
}

static char *mebibytes(const cJSON *memory, const char *name)
{
    return text_format("%.1f MiB", cJSON_GetNumberValue(member(memory, name)) / (1 << 20));
}

void show_process(const cJSON *answer, struct text *page)
{
    const cJSON *memory = member(answer, "memory"), *workers = member(answer, "workers");
    char *threads = cell(workers, "threads"), *idle = cell(workers, "idle"), *most = cell(workers, "most");
    line(page, "process", cell(answer, "pid"));
    line(page, "running", text_format("%.0f s", cJSON_GetNumberValue(member(answer, "runtimeMs")) / 1000));
    line(page, "memory", mebibytes(memory, "residentBytes"));
    line(page, "peak", mebibytes(memory, "peakBytes"));
    line(page, "loops", text_format("%d", cJSON_GetArraySize(member(answer, "loops"))));
    line(page, "workers", text_format("%s, %s idle, at most %s", threads, idle, most));
    line(page, "log level", cell(member(answer, "log"), "level"));
    line(page, "log dropped", cell(member(answer, "log"), "dropped"));
    free(threads);
    free(idle);
    free(most);
}

void show_log_level(const cJSON *answer, struct text *page)
{
    char *level = cell(answer, "level");
    text_add(page, "%s\n", level);
    free(level);
}

void show_json(const cJSON *answer, struct text *page)
{
    char *printed = cJSON_Print(answer);
    text_add(page, "%s\n", printed);
    cJSON_free(printed);
}
