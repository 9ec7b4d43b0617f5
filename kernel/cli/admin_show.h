/* admin_show.h: answers of the admin listener as pages for people.
 * Not for programs: they get the answers as they are. */
#ifndef TRILBY_CLI_ADMIN_SHOW_H
#define TRILBY_CLI_ADMIN_SHOW_H

#include "cli/text.h"

#include <cjson/cJSON.h>

typedef void admin_show(const cJSON *answer, struct text *page);
admin_show show_plugins, show_components, show_component, show_features, show_process, show_log_level, show_json;

/* "3 calls, 1 buffer, 2 others, oldest 41 s"; nothing when nothing holds it. Free it. */
char *show_pins(const cJSON *pins, bool has_age);

#endif
