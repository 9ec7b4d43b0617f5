/* resources: the documents of this start, and the JSON of those kinds that blocks read. [main loop],
 * the documents themselves are constant between two changes. */
#ifndef RUNTIME_RESOURCES_H
#define RUNTIME_RESOURCES_H

#include <config/resolve.h>
#include <config/resource.h>
#include <runtime/documents.h>
#include <stdbool.h>

struct runtime;

#define RESOURCE_DOCUMENTS 6               /* TRB_RESOURCE_… is the index */

struct resources {
    struct resource_set *set;              /* components: as the folders had them last; else: what is loaded */
    struct documents of[RESOURCE_DOCUMENTS];
    struct resolve_context context;        /* for everything that has secrets */
};

/* What is in the folders now, or the embedded defaults. "open DIR: no such file or directory" */
trb_code resources_read(struct runtime *, struct resource_set **ret_set, struct trb_error *err);
/* Makes the set's documents of a TRB_RESOURCE_… what blocks read. */
void resources_publish(struct runtime *, uint32_t document);
/* Reads the folders, or the embedded defaults; err is the sentence of the fatal line. */
trb_code resources_load(struct runtime *, struct trb_error *err);
/* Once components are there: secrets of endpoints and servers; then everything can be read. */
void resources_resolve(struct runtime *, void (*then)(struct runtime *));
void resources_release(struct runtime *);

#endif
