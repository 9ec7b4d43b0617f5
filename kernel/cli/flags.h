/* flags.h: one table of flags per command, read by the parser, by the help and by whoever passes
 * flags on. Not about any command in particular. */
#ifndef TRILBY_CLI_FLAGS_H
#define TRILBY_CLI_FLAGS_H

#include "cli/text.h"

enum flag_kind {
    FLAG_SWITCH,                                    /* --x, --x=true, --x=false */
    FLAG_TEXT,
    FLAG_NUMBER,
    FLAG_PORT,                                      /* 0 and below: choose one */
    FLAG_LIST,                                      /* repeatable, commas split */
};

struct flag {
    const char *name;                               /* NULL: a heading for the help, in help */
    char letter;                                    /* 0: none */
    enum flag_kind kind;
    const char *value;                              /* what the help calls the value */
    const char *initial;                            /* the value when none is given, or NULL */
    const char *sidecar;  /* the flag of trilbyd it is passed on as, or NULL */
    const char *variable; /* the environment variable that stands in, or NULL */
    const char *help;                               /* NULL here and in name: the table ends */
};

struct flags {
    const struct flag *tables[2];                   /* the command's own, then the common ones */
    struct words *given[2];                         /* what was given, a list per row */
    struct words rest;                              /* what is no flag */
};

/* Reads words up to the first that is no flag, or "--"; where the command takes words between
 * flags, is_mixed lets flags follow them. */
bool flags_parse(struct flags *f, const struct flag *own, const struct flag *common, char **words,
                 bool is_mixed, struct reason *why);
void flags_fini(struct flags *f);

/* A name that is in no table is a bug, and ends the program. */
const char *flags_text(const struct flags *f,
                       const char *name); /* given, environment, initial, or NULL */
int64_t flags_number(const struct flags *f, const char *name);          /* 0 when there is none */
bool flags_is_on(const struct flags *f, const char *name);
bool flags_is_given(const struct flags *f, const char *name);
const struct words *flags_list(const struct flags *f, const char *name);

#define flag_each(row, table) (const struct flag *row = (table); row->name || row->help; row++)

#endif
