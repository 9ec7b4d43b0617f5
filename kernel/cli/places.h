/* places.h: where on this machine things are looked for when no flag says so. */
#ifndef TRILBY_CLI_PLACES_H
#define TRILBY_CLI_PLACES_H

#include "cli/text.h"

/* The sidecar's program; runtime_path is a flag's value or NULL.  free() it; NULL with a sentence
 * when there is none. */
char *place_of_sidecar(const char *runtime_path, struct reason *why);

/* "components" or "config.yaml" in .trilby or .dapr of the runtime path or the home; NULL when
 * neither has it. */
char *place_of_default(const char *runtime_path, const char *name);

bool place_is_directory(const char *path);

#endif
