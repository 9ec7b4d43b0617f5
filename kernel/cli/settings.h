/* settings.h: the one thing trilby wants to know of a configuration file. */
#ifndef TRILBY_CLI_SETTINGS_H
#define TRILBY_CLI_SETTINGS_H

#include <stdbool.h>

/* spec.mtls.enabled of the first document; a file that cannot be read says no, the sidecar will say
 * why. */
bool settings_ask_mtls(const char *path);

#endif
