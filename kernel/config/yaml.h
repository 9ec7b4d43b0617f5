/* yaml: text to a tree whose every node knows where it stands. No schema, no types of its own: a
 * scalar keeps its text, and the reader asks what it would like it to be. [any, one owner]
 *
 * Bounded: bytes, depth, and what aliases would expand to. Aliases share nodes, so that a small
 * text stays small; a walk over the tree meets at most YAML_MAX_WEIGHT bytes. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <base/arena.h>
#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define YAML_MAX_BYTES (16u << 20)
#define YAML_MAX_DEPTH 100u
#define YAML_MAX_WEIGHT (32u << 20)

#define YAML_SCALAR 1u
#define YAML_SEQUENCE 2u
#define YAML_MAPPING 3u

struct yaml_place {
    const char *file;                          /* as it was named; lives as long as the arena */
    uint32_t line, column;                     /* from 1 */
};

struct yaml_pair;
struct yaml_node {
    uint32_t kind;
    uint32_t is_plain;                         /* a scalar without quotes: may be null, bool, number */
    struct yaml_place place;
    struct trb_name text;                      /* of a scalar */
    struct yaml_node **items;                  /* of a sequence */
    struct yaml_pair *pairs;                   /* of a mapping; merge keys ("<<") are resolved */
    uint32_t count, is_closed;                 /* not closed: still being composed */
    uint64_t weight;                           /* bytes a full walk meets, and a few per node */
    uint32_t height;                           /* levels of collections: 0 for a scalar */
};

struct yaml_pair {
    struct yaml_node *key, *value;
};

/* Where and why a text is not YAML. */
struct yaml_fault {
    struct yaml_place place;
    char what[160];                            /* did not find expected ',' or ']' */
    uint32_t said_line;                        /* as the reference counts, often one less; 0: it names none */
};

/* One document: the first of the text; NULL in ret_root for an empty one. line: the number of the
 * text's first line in its file, from 1. The text may go away afterwards. */
trb_code yaml_parse(struct arena *, const char *file, uint32_t line, struct trb_slice text,
                    struct yaml_node **ret_root, struct yaml_fault *ret_fault);
/* As above with the fault as a sentence: "file:line:column: what". */
trb_code yaml_read(struct arena *, const char *file, uint32_t line, struct trb_slice text,
                   struct yaml_node **ret_root, struct trb_error *err);
/* "yaml: line 1: did not find expected ',' or ']'": the reference's form. */
struct trb_name yaml_fault_text(struct arena *, const struct yaml_fault *);

/* All of these accept NULL for the node: absent. */
struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);        /* the last of that name */
struct yaml_node *yaml_get_nocase(const struct yaml_node *mapping, const char *key); /* exact first */
struct yaml_node *yaml_path(const struct yaml_node *, const char *dotted);           /* exact: "spec.metric.http" */
bool yaml_is_null(const struct yaml_node *);   /* absent, or ~ null Null NULL or nothing */
bool yaml_is_text(const struct yaml_node *);   /* a scalar that is neither null, bool nor number */
bool yaml_bool(const struct yaml_node *, bool *ret_value);       /* also yes no on off */
bool yaml_int(const struct yaml_node *, int64_t *ret_value);     /* also 0x, 0b, 0o, leading 0, _ */
bool yaml_number(const struct yaml_node *, double *ret_value);
/* What a text field holds: a scalar's text; 5, true for numbers and booleans. absent for null. */
struct trb_name yaml_text(struct arena *, const struct yaml_node *scalar);
/* What a property holds: as above, 1.0 is 1; sequences and mappings become compact JSON. */
struct trb_name yaml_value(struct arena *, const struct yaml_node *);
/* Compact JSON, members sorted by name, html escapes; types by YAML 1.1's rules. */
void yaml_to_json(const struct yaml_node *, struct text *);
/* Both into one new tree: mappings field by field, all else replaced by over (unless null). */
struct yaml_node *yaml_merge(struct arena *, struct yaml_node *under, struct yaml_node *over);

/* A key that its mapping has already, anywhere in the tree: the second of the two, and the first.
 * NULL: none. */
const struct yaml_node *yaml_repeated(const struct yaml_node *, const struct yaml_node **ret_first);

#define YAML_PLACE_TEXT 512
const char *yaml_place_text(struct arena *, struct yaml_place);  /* "file:line" */

#endif
