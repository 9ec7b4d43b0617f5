/* help.h: manual pages made from the tables, so that they cannot say anything else than the parser.
 */
#ifndef TRILBY_CLI_HELP_H
#define TRILBY_CLI_HELP_H

#include "cli/command.h"

void help_program(void);
void help_command(const struct command *command);

#endif
