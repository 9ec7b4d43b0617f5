/* resources: the documents of this start, and the JSON of those kinds that blocks read. [main loop],
 * the documents themselves are constant between two changes. */
#ifndef RUNTIME_RESOURCES_H
#define RUNTIME_RESOURCES_H

#include <base/text.h>
#include <config/resolve.h>
#include <config/resource.h>
#include <stdbool.h>

struct runtime;

struct documents {                         /* of one kind */
    struct text *at;
    uint32_t count;
};

#define RESOURCE_DOCUMENTS 6               /* TRB_RESOURCE_… is the index */

struct resources {
    struct resource_set *set;
    struct documents of[RESOURCE_DOCUMENTS];
    struct resolve_context context;        /* for everything that has secrets */
};

/* Reads the folders, or the embedded defaults; err is the sentence of the fatal line. */
trb_code resources_load(struct runtime *, struct trb_error *err);
/* Once components are there: secrets of endpoints and servers; then everything can be read. */
void resources_resolve(struct runtime *, void (*then)(struct runtime *));
void resources_release(struct runtime *);

#endif
