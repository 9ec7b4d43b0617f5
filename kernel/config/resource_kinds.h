/* resource_kinds: what loading needs to know about each kind, and the pieces that kinds are read with.
 * Inside kernel/config. */
#ifndef CONFIG_RESOURCE_KINDS_H
#define CONFIG_RESOURCE_KINDS_H

#include <config/field.h>
#include <config/resource.h>

struct resource_kind {
    const char *name, *plural;
    size_t size;                               /* of its struct */
    const char *versions[2];                   /* apiVersion; none: any */
    bool has_namespace;                        /* NAMESPACE filters it */
    bool is_unique;                            /* a name twice is an error */
    bool needs_name;
    bool prints_namespace;                     /* a change of namespace counts */
    void (*read)(struct fields *, struct resource *, const struct resource_query *);   /* NULL: head only */
    /* Writes the whole document in its newest form; NULL: as it stands. metadata: as JSON */
    void (*write)(const struct resource *, struct trb_slice metadata, struct text *);
};

extern const struct resource_kind resource_kinds[RESOURCE_KINDS];

void component_read(struct fields *, struct resource *, const struct resource_query *);
void subscription_read(struct fields *, struct resource *, const struct resource_query *);
void http_endpoint_read(struct fields *, struct resource *, const struct resource_query *);
void resiliency_read(struct fields *, struct resource *, const struct resource_query *);
void mcp_server_read(struct fields *, struct resource *, const struct resource_query *);
void workflow_policy_read(struct fields *, struct resource *, const struct resource_query *);
void subscription_write(const struct resource *, struct trb_slice metadata, struct text *);

/* Properties: room first, for all that the document has. Items of lists that are null are skipped. */
void properties_reserve(struct fields *, struct resource *, uint32_t room);
struct property *property_add(struct fields *, struct resource *, struct yaml_node *);
void properties_add(struct fields *, struct resource *, const struct yaml_node *list, const char *path);

/* A document's text, cut out of its file. */
struct document {
    const char *file;
    uint32_t line;                             /* of its first byte */
    struct trb_slice text;
};

/* The resource with one reference, or NULL: not one of ours (nothing in fault), or why not. ret_kind:
 * whose fault it is; RESOURCE_KINDS: the document is not even known to be of a kind. */
struct resource *resource_read(const struct document *, const struct resource_query *, uint32_t *ret_kind,
                               struct text *fault);
void resource_warn(const struct resource_query *, const char *format, ...) TRB_PRINTF(2, 3);

/* Go's text for what is not a duration: time: invalid duration "zz". */
struct trb_name duration_fault(struct arena *, struct trb_slice text);

#endif
