/* command.h: what a command of trilby is.
 * The row in main.c is all there is to one: parsing, help and dispatch read it. */
#ifndef TRILBY_CLI_COMMAND_H
#define TRILBY_CLI_COMMAND_H

#include "cli/flags.h"

enum { EXIT_USAGE = 2 };                            /* the command line made no sense */

struct section {                                    /* a part of a manual page, printed as it is */
    const char *title, *body;
};

struct command {
    const char *name;
    const char *line;                               /* what it does, in half a sentence */
    const char *synopsis;                           /* what follows "trilby " */
    const char *description;
    const struct flag *flags;
    const struct section *sections;                 /* after the options; ends with a NULL title */
    bool takes_words;                               /* words that are no flags are welcome */
    int (*perform)(const struct flags *flags);      /* the exit status */
};

extern const struct command commands[];             /* ends with a NULL name */
extern const struct flag common_flags[];            /* understood by every command */

extern const struct flag run_flags[], list_flags[], stop_flags[], version_flags[], admin_flags[];
extern const struct section run_sections[], list_sections[], stop_sections[], admin_sections[];
extern const char run_description[], admin_description[];

int run_perform(const struct flags *flags);
int list_perform(const struct flags *flags);
int stop_perform(const struct flags *flags);
int version_perform(const struct flags *flags);
int admin_perform(const struct flags *flags);

#endif
