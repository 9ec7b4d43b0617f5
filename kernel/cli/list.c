/* list.c: `trilby list`: one table of columns for the table, JSON and YAML.
 * Not the search: that is sidecars.c. */
#include "cli/command.h"
#include "cli/say.h"
#include "cli/sidecars.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

const struct flag list_flags[] = {
    {"output", 'o', FLAG_TEXT, "FORMAT", "table", NULL, NULL, "table, json or yaml."},
    {"kubernetes", 'k', FLAG_SWITCH, NULL, NULL, NULL, NULL, "List what runs in Kubernetes. Not available yet."},
    {0},
};

const struct section list_sections[] = {
    {"COLUMNS",
     "APP ID, HTTP PORT, GRPC PORT, APP PORT, COMMAND, AGE, CREATED, DAPRD PID (the\n"
     "sidecar), CLI PID (the trilby run that started it), APP PID. A column that would\n"
     "be empty in every row is left out. JSON and YAML have every column and the\n"
     "command in full.\n"},
    {"EXAMPLES",
     "trilby list\n"
     "trilby list -o json | jq -r '.[].appId'\n"},
    {0},
};

enum kind { NUMBER, TRUTH, WORDS };

struct value {
    enum kind kind;
    int64_t number;
    char text[4096];                                /* always set */
};

static void set_number(struct value *v, int64_t number)
{
    v->kind = NUMBER;
    v->number = number;
    snprintf(v->text, sizeof v->text, "%lld", (long long)number);
}

static void set_pid(struct value *v, pid_t pid)
{
    set_number(v, pid);
    if (!pid)
        v->text[0] = '\0';
}

static void set_words(struct value *v, const char *text)
{
    v->kind = WORDS;
    snprintf(v->text, sizeof v->text, "%s", text);
}

static void app_id(const struct sidecar *s, struct value *v) { set_words(v, s->app_id); }
static void http_port(const struct sidecar *s, struct value *v) { set_number(v, s->http_port); }
static void grpc_port(const struct sidecar *s, struct value *v) { set_number(v, s->grpc_port); }
static void app_port(const struct sidecar *s, struct value *v) { set_number(v, s->app_port); }
static void command(const struct sidecar *s, struct value *v) { set_words(v, s->command); }
static void pid(const struct sidecar *s, struct value *v) { set_pid(v, s->pid); }
static void cli_pid(const struct sidecar *s, struct value *v) { set_pid(v, s->cli_pid); }
static void app_pid(const struct sidecar *s, struct value *v) { set_pid(v, s->app_pid); }
static void max_body(const struct sidecar *s, struct value *v) { set_number(v, s->max_body_bytes); }
static void read_buffer(const struct sidecar *s, struct value *v) { set_number(v, s->read_buffer_bytes); }
static void template_path(const struct sidecar *s, struct value *v) { set_words(v, s->template_path); }
static void template_name(const struct sidecar *s, struct value *v) { set_words(v, s->template_name); }
static void app_log(const struct sidecar *s, struct value *v) { set_words(v, s->app_log); }
static void sidecar_log(const struct sidecar *s, struct value *v) { set_words(v, s->sidecar_log); }

static void metrics(const struct sidecar *s, struct value *v)
{
    set_words(v, s->has_metrics ? "true" : "false");
    v->kind = TRUTH;
    v->number = s->has_metrics;
}

static void age(const struct sidecar *s, struct value *v)
{
    long long seconds = (long long)(time(NULL) - s->created);
    v->kind = WORDS;
    if (seconds < 60)
        snprintf(v->text, sizeof v->text, "%llds", seconds < 0 ? 0 : seconds);
    else if (seconds < 60 * 60)
        snprintf(v->text, sizeof v->text, "%lldm", seconds / 60);
    else if (seconds < 24 * 60 * 60)
        snprintf(v->text, sizeof v->text, "%lldh", seconds / 60 / 60);
    else
        snprintf(v->text, sizeof v->text, "%lldd", seconds / 60 / 60 / 24);
}

static void created(const struct sidecar *s, struct value *v)
{
    struct tm broken;
    v->kind = WORDS;
    strftime(v->text, sizeof v->text, "%Y-%m-%d %H:%M.%S", localtime_r(&s->created, &broken));
}

static const struct column {
    const char *title, *key;                        /* no title: not in the table */
    void (*get)(const struct sidecar *, struct value *);
} columns[] = {
    {"APP ID", "appId", app_id},
    {"HTTP PORT", "httpPort", http_port},
    {"GRPC PORT", "grpcPort", grpc_port},
    {"APP PORT", "appPort", app_port},
    {NULL, "metricsEnabled", metrics},
    {"COMMAND", "command", command},
    {"AGE", "age", age},
    {"CREATED", "created", created},
    {"DAPRD PID", "daprdPid", pid},
    {"CLI PID", "cliPid", cli_pid},
    {"APP PID", "appPid", app_pid},
    {NULL, "maxRequestBodySize", max_body},
    {NULL, "httpReadBufferSize", read_buffer},
    {"RUN_TEMPLATE_PATH", "runTemplatePath", template_path},
    {"APP_LOG_PATH", "appLogPath", app_log},
    {"DAPRD_LOG_PATH", "daprdLogPath", sidecar_log},
    {NULL, "runTemplateName", template_name},
};

enum { COLUMNS = sizeof columns / sizeof *columns, COMMAND_WIDTH = 20 };

static void get_cell(const struct column *column, const struct sidecar *s, struct value *v)
{
    column->get(s, v);
    if (column->get == command && strlen(v->text) > COMMAND_WIDTH)
        strcpy(v->text + COMMAND_WIDTH - 3, "...");
}

static size_t width_of(const struct column *column, const struct sidecars *all)
{
    struct value v;
    size_t width = 0;
    for (size_t i = 0; i < all->count; i++) {
        get_cell(column, &all->at[i], &v);
        width = strlen(v.text) > width ? strlen(v.text) : width;
    }
    return width && strlen(column->title) > width ? strlen(column->title) : width;
}

static void add_row(struct text *page, const struct sidecar *s, const size_t widths[])
{
    struct value v;
    for (int c = 0; c < COLUMNS; c++) {
        if (!widths[c])
            continue;
        if (s)
            get_cell(&columns[c], s, &v);
        text_add(page, "%-*s  ", (int)widths[c], s ? v.text : columns[c].title);
    }
    while (page->len && page->at[page->len - 1] == ' ')
        page->len--;
    text_add(page, "\n");
}

static void show_table(const struct sidecars *all, struct text *page)
{
    size_t widths[COLUMNS] = {0};
    if (!all->count) {
        text_add(page, "No Dapr instances found.\n");
        return;
    }
    for (int c = 0; c < COLUMNS; c++)
        widths[c] = columns[c].title ? width_of(&columns[c], all) : 0;
    add_row(page, NULL, widths);
    for (size_t i = 0; i < all->count; i++)
        add_row(page, &all->at[i], widths);
}

static void show_json(const struct sidecars *all, struct text *page)
{
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < all->count; i++) {
        cJSON *row = cJSON_CreateObject();
        for (int c = 0; c < COLUMNS; c++) {
            struct value v;
            columns[c].get(&all->at[i], &v);
            if (v.kind == WORDS)
                cJSON_AddStringToObject(row, columns[c].key, v.text);
            else if (v.kind == TRUTH)
                cJSON_AddBoolToObject(row, columns[c].key, v.number != 0);
            else
                cJSON_AddNumberToObject(row, columns[c].key, (double)v.number);
        }
        cJSON_AddItemToArray(rows, row);
    }
    char *printed = cJSON_Print(rows);
    text_add(page, "%s\n", printed);
    cJSON_free(printed);
    cJSON_Delete(rows);
}

static int append(void *page, unsigned char *at, size_t len)
{
    text_add_bytes(page, (const char *)at, len);
    return 1;
}

static int scalar(yaml_document_t *document, const char *text, bool is_text)
{
    /* Quotes keep an app id such as 123 or true a string. */
    return yaml_document_add_scalar(document, NULL, (const yaml_char_t *)text, (int)strlen(text),
                                    is_text ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
}

static void show_yaml(const struct sidecars *all, struct text *page)
{
    yaml_emitter_t emitter;
    yaml_document_t document;
    yaml_emitter_initialize(&emitter);
    yaml_emitter_set_output(&emitter, append, page);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_document_initialize(&document, NULL, NULL, NULL, 1, 1);
    int rows = yaml_document_add_sequence(&document, NULL,
                                          all->count ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE);
    for (size_t i = 0; i < all->count; i++) {
        int row = yaml_document_add_mapping(&document, NULL, YAML_BLOCK_MAPPING_STYLE);
        for (int c = 0; c < COLUMNS; c++) {
            struct value v;
            columns[c].get(&all->at[i], &v);
            yaml_document_append_mapping_pair(&document, row, scalar(&document, columns[c].key, false),
                                              scalar(&document, *v.text ? v.text : v.kind == WORDS ? "" : "0",
                                                     v.kind == WORDS));
        }
        yaml_document_append_sequence_item(&document, rows, row);
    }
    yaml_emitter_dump(&emitter, &document);
    yaml_emitter_delete(&emitter);
}

int list_perform(const struct flags *flags)
{
    static const struct {
        const char *name;
        void (*show)(const struct sidecars *, struct text *);
    } formats[] = {{"table", show_table}, {"json", show_json}, {"yaml", show_yaml}};
    const char *format = flags_text(flags, "output");
    if (flags_is_on(flags, "kubernetes")) {
        say(SAY_FAILURE, "--kubernetes is not available yet: trilby list looks at this machine");
        return 1;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, format))
            continue;
        struct sidecars all;
        struct text page = {0};
        sidecars_find(&all);
        formats[i].show(&all, &page);
        say_bytes(STDOUT_FILENO, page.at, page.len);
        text_fini(&page);
        sidecars_fini(&all);
        return 0;
    }
    say(SAY_FAILURE, "--output takes table, json or yaml, not \"%s\"", format);
    return EXIT_USAGE;
}
