/* list.c: `trilby list`: one table of columns for the table, JSON and YAML.
 * Not the search: that is sidecars.c. */
#include "cli/command.h"
#include "cli/say.h"
#include "cli/sidecars.h"
#include "cli/table.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

const struct flag list_flags[] = {
    {"output", 'o', FLAG_TEXT, "FORMAT", "table", NULL, NULL, "table, json or yaml."},
    {"kubernetes", 'k', FLAG_SWITCH, NULL, NULL, NULL, NULL,
     "List what runs in Kubernetes. Not available yet."},
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

enum kind { TEXT, NUMBER, PID, BYTES, TRUTH, AGE, CREATED };

static const struct column {
    const char *title, *key;                        /* no title: not in the table */
    enum kind kind;
    size_t offset;
} columns[] = {
#define COLUMN(title, key, kind, member) {title, key, kind, offsetof(struct sidecar, member)}
    COLUMN("APP ID", "appId", TEXT, app_id),
    COLUMN("HTTP PORT", "httpPort", NUMBER, http_port),
    COLUMN("GRPC PORT", "grpcPort", NUMBER, grpc_port),
    COLUMN("APP PORT", "appPort", NUMBER, app_port),
    COLUMN(NULL, "metricsEnabled", TRUTH, has_metrics),
    COLUMN("COMMAND", "command", TEXT, command),
    COLUMN("AGE", "age", AGE, created),
    COLUMN("CREATED", "created", CREATED, created),
    COLUMN("DAPRD PID", "daprdPid", PID, pid),
    COLUMN("CLI PID", "cliPid", PID, cli_pid),
    COLUMN("APP PID", "appPid", PID, app_pid),
    COLUMN(NULL, "maxRequestBodySize", BYTES, max_body_bytes),
    COLUMN(NULL, "httpReadBufferSize", BYTES, read_buffer_bytes),
    COLUMN("RUN_TEMPLATE_PATH", "runTemplatePath", TEXT, template_path),
    COLUMN("APP_LOG_PATH", "appLogPath", TEXT, app_log),
    COLUMN("DAPRD_LOG_PATH", "daprdLogPath", TEXT, sidecar_log),
    COLUMN(NULL, "runTemplateName", TEXT, template_name),
#undef COLUMN
};

enum { COLUMNS = sizeof columns / sizeof *columns, COMMAND_WIDTH = 20 };

struct value {
    bool is_text;
    int64_t number;
    const char *text;                               /* always set */
    char room[64];
};

static void set_age(struct value *v, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{24 * 60 * 60, 'd'}, {60 * 60, 'h'}, {60, 'm'}};
    v->is_text = true;
    snprintf(v->room, sizeof v->room, "%llds", (long long)(seconds < 0 ? 0 : seconds));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (seconds >= units[i].seconds) {
            snprintf(v->room, sizeof v->room, "%lld%c", (long long)(seconds / units[i].seconds),
                     units[i].unit);
            return;
        }
}

static void set_created(struct value *v, time_t created)
{
    struct tm broken;
    v->is_text = true;
    strftime(v->room, sizeof v->room, "%Y-%m-%d %H:%M.%S", localtime_r(&created, &broken));
}

static void set_number(struct value *v, int64_t number)
{
    v->number = number;
    snprintf(v->room, sizeof v->room, "%lld", (long long)number);
}

static void get(const struct column *column, const struct sidecar *s, struct value *v)
{
    const void *member = (const char *)s + column->offset;
    *v = (struct value){.text = v->room};
    switch (column->kind) {
    case TEXT:
        v->is_text = true;
        v->text = *(char *const *)member;
        break;
    case NUMBER:
        set_number(v, *(const int *)member);
        break;
    case PID:
        set_number(v, *(const pid_t *)member);
        break;
    case BYTES:
        set_number(v, *(const int64_t *)member);
        break;
    case TRUTH:
        v->number = *(const bool *)member;
        strcpy(v->room, v->number ? "true" : "false");
        break;
    case AGE:
        set_age(v, time(NULL) - *(const time_t *)member);
        break;
    case CREATED:
        set_created(v, *(const time_t *)member);
        break;
    }
}

/* What fits into a table: a command is cut short between characters. */
static char *cell(const struct column *column, const struct sidecar *s)
{
    struct value v;
    get(column, s, &v);
    if (column->kind == PID && !v.number)
        return text_copy("");
    size_t len = strlen(v.text), cut = len;
    if (column->offset == offsetof(struct sidecar, command) && len > COMMAND_WIDTH)
        for (cut = COMMAND_WIDTH - 3; cut && (v.text[cut] & 0xC0) == 0x80; cut--)
            ;
    return text_format("%.*s%s", (int)cut, v.text, cut < len ? "..." : "");
}

static void show_table(const struct sidecars *all, struct text *page)
{
    const char *titles[COLUMNS + 1] = {NULL};
    struct table table = {.titles = titles};
    size_t count = 0;
    for (int c = 0; c < COLUMNS; c++)
        if (columns[c].title)
            titles[count++] = columns[c].title;
    for (size_t i = 0; i < all->count; i++)
        for (int c = 0; c < COLUMNS; c++) {
            if (!columns[c].title)
                continue;
            char *text = cell(&columns[c], &all->at[i]);
            table_add(&table, text);
            free(text);
        }
    if (all->count)
        table_show(&table, page);
    else
        text_add(page, "No Dapr instances found.\n");
    table_fini(&table);
}

static void show_json(const struct sidecars *all, struct text *page)
{
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < all->count; i++) {
        cJSON *row = cJSON_CreateObject();
        for (int c = 0; c < COLUMNS; c++) {
            struct value v;
            get(&columns[c], &all->at[i], &v);
            if (v.is_text)
                cJSON_AddStringToObject(row, columns[c].key, v.text);
            else if (columns[c].kind == TRUTH)
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
                                    is_text ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                            : YAML_PLAIN_SCALAR_STYLE);
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
    int rows = yaml_document_add_sequence(
        &document, NULL, all->count ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE);
    for (size_t i = 0; i < all->count; i++) {
        int row = yaml_document_add_mapping(&document, NULL, YAML_BLOCK_MAPPING_STYLE);
        for (int c = 0; c < COLUMNS; c++) {
            struct value v;
            get(&columns[c], &all->at[i], &v);
            int key = scalar(&document, columns[c].key, false);
            yaml_document_append_mapping_pair(&document, row, key,
                                              scalar(&document, v.text, v.is_text));
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
