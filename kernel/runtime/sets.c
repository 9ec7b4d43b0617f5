/* sets: the table of roles. */
#include <base/check.h>
#include <base/slice.h>
#include <runtime/sets.h>

static const char *const sidecar[] = {"state",  "pubsub",   "secretstores", "bindings", "configuration", "lock",
                                      "crypto", "conversation", "actors", "workflow", "jobs", "invoke",
                                      "metadata", "healthz", "shutdown", NULL};

static const struct {
    struct trb_slice name;
    const char *const *plugins;
} sets[] = {{{"sidecar", 7}, sidecar}};

const char *const *set_plugins(struct trb_slice set)
{
    for (size_t i = 0; i < countof(sets); i++)
        if (slice_is_nocase(set, sets[i].name))
            return sets[i].plugins;
    return NULL;
}
