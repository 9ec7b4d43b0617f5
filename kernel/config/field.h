/* field: a document's members, asked for by name and type. The first fault is kept as a sentence with
 * its file and line; from then on every question answers "absent", so that a kind is read straight
 * down and looked at once, at its end. Inside kernel/config. */
#ifndef CONFIG_FIELD_H
#define CONFIG_FIELD_H

#include <base/arena.h>
#include <config/yaml.h>
#include <stdbool.h>
#include <stdint.h>

struct fields {
    struct arena *arena;
    struct trb_name fault;                     /* absent: none so far */
};

/* path: "spec.metadata", for sentences; what follows its last dot is the member's name, whose letter
 * case does not matter. parent: NULL is welcome, and has no members. */
struct yaml_node *field_mapping(struct fields *, const struct yaml_node *parent, const char *path);
struct yaml_node *field_list(struct fields *, const struct yaml_node *parent, const char *path);
struct trb_name field_text(struct fields *, const struct yaml_node *parent, const char *path);
bool field_bool(struct fields *, const struct yaml_node *parent, const char *path, bool fallback);
int64_t field_int(struct fields *, const struct yaml_node *parent, const char *path, int64_t fallback);
uint32_t field_uint(struct fields *, const struct yaml_node *parent, const char *path, uint32_t fallback);
struct trb_name *field_texts(struct fields *, const struct yaml_node *parent, const char *path,
                             uint32_t *ret_count);
/* Texts by name, each name once; the last of a name counts. */
struct trb_pairs field_pairs(struct fields *, const struct yaml_node *parent, const char *path);

/* The i-th item of a list that must hold mappings; NULL: it is null, or a fault. */
struct yaml_node *field_item(struct fields *, const struct yaml_node *list, uint32_t i, const char *path);
/* The mapping behind the i-th name of a mapping; NULL: null, or a fault. */
struct yaml_node *field_entry(struct fields *, const struct yaml_node *mapping, uint32_t i, const char *path);
/* The text behind the i-th name of a mapping; absent for null. */
struct trb_name field_entry_text(struct fields *, const struct yaml_node *mapping, uint32_t i,
                                 const char *path);

/* A name of a mapping as a text: yes is "true", 010 is "8". */
struct trb_name field_key(struct arena *, const struct yaml_node *mapping, uint32_t i);

static inline uint32_t field_count(const struct yaml_node *list)
{
    return list ? list->count : 0;
}
/* Absent becomes empty. */
static inline struct trb_name field_or_empty(struct trb_name text)
{
    return text.at ? text : (struct trb_name){"", 0};
}

void field_refuse(struct fields *, const struct yaml_node *at, const char *format, ...) TRB_PRINTF(3, 4);

#endif
