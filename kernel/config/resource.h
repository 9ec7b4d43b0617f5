/* resource: documents of a kind, read from folders of YAML. This file knows the head that all kinds
 * share, where documents come from and which are kept; component.h, subscription.h … know the specs.
 *
 * A resource is counted and owns its memory, so that it outlives the set it was loaded with. Sets
 * and resources belong to the main loop. */
#ifndef CONFIG_RESOURCE_H
#define CONFIG_RESOURCE_H

#include <base/arena.h>
#include <base/text.h>
#include <config/environment.h>
#include <config/yaml.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define RESOURCE_COMPONENT 0u
#define RESOURCE_SUBSCRIPTION 1u
#define RESOURCE_HTTP_ENDPOINT 2u
#define RESOURCE_RESILIENCY 3u
#define RESOURCE_CONFIGURATION 4u                      /* watched in folders; used from --config only */
#define RESOURCE_MCP_SERVER 5u
#define RESOURCE_WORKFLOW_POLICY 6u
#define RESOURCE_KINDS 7u

/* A value that may come from elsewhere: a component's metadata item, a header, a certificate. */
struct property {
    struct trb_name name;
    struct trb_name value;                             /* as far as known; absent: none */
    struct trb_name secret_name, secret_key;           /* secretKeyRef; absent: none; key defaults to name */
    struct trb_name env;                               /* envRef; absent: none */
    struct yaml_place place;
    bool is_secret;                                    /* value came from a secret store: never show it */
    bool is_resolved;
    struct trb_name written;                           /* the value of the document; absent: none */
    struct yaml_node *node;                            /* the mapping it was read from */
};

struct resource {                                      /* the first member of each kind's struct */
    uint32_t magic, refs;
    uint32_t kind;
    struct arena *arena;
    struct trb_name api_version, name, namespace_;     /* absent: none */
    struct trb_name log_name;                          /* orders (state.redis/v1) */
    struct trb_name *scopes;
    uint32_t scope_count;
    struct trb_name secret_store;                      /* auth.secretStore; absent: none */
    struct property *properties;                       /* every one of the document, in its order */
    uint32_t property_count;
    struct yaml_place place;                           /* of the document's first line */
    struct yaml_node *root;
    uint8_t print[32];                                 /* equal: nothing that counts has changed */
    struct arena *values;                              /* what resolving found; NULL before */
};
#define RESOURCE_MAGIC 0x52534f55u

struct resource *resource_ref(struct resource *);
struct resource *resource_unref(struct resource *);    /* NULL is welcome; returns NULL; wipes secrets */
const char *resource_kind_name(uint32_t kind);         /* "Component" */
/* "components": for "failed to load components: …" */
const char *resource_kind_plural(uint32_t kind);
bool resource_is_in_scope(const struct resource *, struct trb_slice app_id);

/* The document as JSON, in the newest form of its kind: what blocks read. A property carries "value" as
 * far as it is known, always a text, beside what the document says of it; templates are not filled in.
 * redact: values from secret stores become "***". */
void resource_to_json(const struct resource *, bool redact, struct text *);
/* As print, with the values of secrets and variables as they are now: equal after resolving an old and a
 * new copy means that nothing needs to be reloaded, not even for a rotated secret. */
void resource_value_print(const struct resource *, uint8_t ret_print[32]);

/* --- loading -------------------------------------------------------------------------------- */
struct resource_query {
    struct trb_slice app_id;
    struct trb_slice namespace_;                       /* of NAMESPACE; absent or empty: no filter */
    void (*warn)(void *arg, const char *sentence);     /* NULL: the log */
    void *arg;
    bool is_kubernetes;                                /* MCPServers may not start programs there */
};

struct resource_list {
    struct resource **at;
    uint32_t count;
};

struct resource_set {
    struct resource_list of[RESOURCE_KINDS];           /* order of folders, files, documents; components:
                                                          secret stores first */
    struct trb_name duplicates[RESOURCE_KINDS];        /* "duplicate definition of …", joined by newlines;
                                                          absent: none. Who says that is fatal: the runtime */
    struct trb_name *incomplete;                       /* files that may hold more than could be read: faulty, empty */
    uint32_t incomplete_count;
    struct arena *arena;
};

/* Fails with "open DIR: no such file or directory"; bad documents only warn. */
trb_code resource_set_load(const struct trb_name *folders, uint32_t count, const struct resource_query *,
                           struct resource_set **ret_set, struct trb_error *err);
/* The same from a text: the embedded defaults, tests. */
trb_code resource_set_parse(const char *file, struct trb_slice text, const struct resource_query *,
                            struct resource_set **ret_set, struct trb_error *err);
struct resource_set *resource_set_destroy(struct resource_set *);    /* NULL is welcome; returns NULL */
struct resource *resource_set_find(const struct resource_set *, uint32_t kind, struct trb_slice name);
bool resource_set_is_incomplete(const struct resource_set *, const char *file);

#endif
