/* help.c: tables into pages of 80 columns.
 * Not where the words are: those stand with the commands. */
#include "cli/help.h"
#include "cli/say.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 80, INDENT = 4, INDENT_FLAG = 10 };

/* Words of a paragraph, broken between words; a new line in the text begins a new paragraph. */
static void add_wrapped(struct text *page, const char *body, size_t indent)
{
    size_t column = 0;
    for (const char *at = body; *at;) {
        if (*at == '\n' || *at == ' ') {
            if (*at++ == '\n') {
                text_add(page, column ? "\n\n" : "\n");
                column = 0;
            }
            continue;
        }
        size_t len = strcspn(at, " \n");
        if (column && column + 1 + len > WIDTH) {
            text_add(page, "\n");
            column = 0;
        }
        text_add(page, "%*s%.*s", column ? 1 : (int)indent, "", (int)len, at);
        column += (column ? 1 : indent) + len;
        at += len;
    }
    if (column)
        text_add(page, "\n");
}

static void add_verbatim(struct text *page, const char *body)
{
    for (const char *at = body; *at;) {
        size_t len = strcspn(at, "\n");
        text_add(page, "%*s%.*s\n", len ? INDENT : 0, "", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

static void add_flag(struct text *page, const struct flag *row)
{
    text_add(page, "%*s", INDENT, "");
    if (row->letter)
        text_add(page, "-%c, ", row->letter);
    text_add(page, "--%s%s%s\n", row->name, row->value ? " " : "", row->value ? row->value : "");
    add_wrapped(page, row->help, INDENT_FLAG);
    struct text facts = {0};
    if (row->initial)
        text_add(&facts, "Default: %s. ", row->initial);
    if (row->kind == FLAG_LIST)
        text_add(&facts, "May be given more than once, or as a list with commas. ");
    if (row->variable)
        text_add(&facts, "The environment variable %s stands in for it.", row->variable);
    if (facts.len)
        add_wrapped(page, facts.at, INDENT_FLAG);
    text_fini(&facts);
    text_add(page, "\n");
}

static void add_flags(struct text *page, const struct flag *table)
{
    for flag_each (row, table) {
        if (row->name)
            add_flag(page, row);
        else
            text_add(page, "  %s\n", row->help);
    }
}

static void put(struct text *page)
{
    say_bytes(STDOUT_FILENO, page->at, page->len);
    text_fini(page);
}

void help_command(const struct command *command)
{
    struct text page = {0};
    text_add(&page, "NAME\n    trilby %s: %s\n\nSYNOPSIS\n    trilby %s\n\nDESCRIPTION\n",
             command->name, command->line, command->synopsis);
    add_wrapped(&page, command->description, INDENT);
    text_add(&page, "\nOPTIONS\n");
    add_flags(&page, command->flags);
    text_add(&page, "  Common to all commands\n");
    add_flags(&page, common_flags);
    for (const struct section *s = command->sections; s && s->title; s++) {
        text_add(&page, "%s\n", s->title);
        add_verbatim(&page, s->body);
        text_add(&page, "%s", s[1].title ? "\n" : "");
    }
    put(&page);
}

void help_program(void)
{
    struct text page = {0};
    text_add(&page,
             "NAME\n    trilby: run and look after applications and their Trilby sidecars\n\n"
             "SYNOPSIS\n    trilby COMMAND [options]\n\nCOMMANDS\n");
    for (const struct command *c = commands; c->name; c++)
        text_add(&page, "    %-10s %s\n", c->name, c->line);
    text_add(&page, "    %-10s %s\n\nOPTIONS\n", "help",
             "show this page, or the page of a command");
    text_add(&page,
             "    -v, --version\n          Show the versions of trilby and of the sidecar.\n\n");
    add_flags(&page, common_flags);
    text_add(
        &page,
        "EXAMPLES\n"
        "    trilby run --app-id orders --app-port 8080 --dapr-http-port 3500 -- python app.py\n"
        "    trilby list\n"
        "    trilby stop --app-id orders\n\n"
        "SEE ALSO\n    trilby help COMMAND shows every option of a command.\n");
    put(&page);
}
