/* path_matching: spec.metrics.http.pathMatching: which pattern a path belongs to. [any] */
#ifndef RUNTIME_PATH_MATCHING_H
#define RUNTIME_PATH_MATCHING_H

#include <config/configuration.h>

/* The most specific pattern; each is tried as it stands and behind /v1.0/invoke/{app_id}/method. The
 * label is the pattern's text and lives as long as the configuration, or as long as room. */
bool path_matches(const struct configuration_names *patterns, struct trb_slice path, char *room, size_t size,
                  struct trb_slice *ret_label);

#endif
