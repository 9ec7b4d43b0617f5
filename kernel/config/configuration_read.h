/* configuration_read: one function per part of the merged spec. Private to configuration*.c.
 *
 * Names of members are exact here, letter case included; what is unknown is nobody's. The first value
 * of a wrong type is kept as a fault with its place, and everything after it reads as absent. */
#ifndef CONFIG_CONFIGURATION_READ_H
#define CONFIG_CONFIGURATION_READ_H

#include <base/error.h>
#include <base/slice.h>
#include <config/configuration.h>
#include <config/field.h>

struct reader {
    struct fields fields;
    struct configuration *c;
    const struct environment *env;
};

/* The mapping again if it has the member at the end of path, else NULL. */
const struct yaml_node *reader_having(const struct yaml_node *parent, const char *path);
struct yaml_node *reader_mapping(struct reader *, const struct yaml_node *parent, const char *path);
struct yaml_node *reader_list(struct reader *, const struct yaml_node *parent, const char *path);
bool reader_bool(struct reader *, const struct yaml_node *parent, const char *path, bool fallback);
int64_t reader_int(struct reader *, const struct yaml_node *parent, const char *path, int64_t fallback);
/* As written, 1.0 is not 1; absent for null. The tree holds it as a text from then on, and so does the
 * JSON that blocks read. */
struct trb_name reader_text(struct reader *, const struct yaml_node *parent, const char *path);
struct trb_name reader_text_or(struct reader *, const struct yaml_node *parent, const char *path,
                               struct trb_name fallback);
struct configuration_names reader_texts(struct reader *, const struct yaml_node *parent, const char *path);
int64_t reader_duration(struct reader *, const struct yaml_node *parent, const char *path, int64_t fallback);
/* Room for a part per item of a list, zeroed. */
#define reader_room(r, list, type)                                                                 \
    ((type *)arena_zero((r)->fields.arena, (field_count(list) + 1) * sizeof(type)))

void read_metrics(struct reader *, struct yaml_node *spec);
void read_api(struct reader *, struct yaml_node *spec);
void read_workflow(struct reader *, struct yaml_node *spec);
void read_features(struct reader *, struct yaml_node *spec);

/* These know sentences of their own, prefix included. */
trb_code read_tracing(struct reader *, struct yaml_node *spec, struct trb_error *err);
trb_code read_scopes(struct reader *, struct yaml_node *spec, struct trb_error *err);
trb_code read_access(struct reader *, struct yaml_node *spec, struct trb_error *err);

/* The whole file, and a byte more than a text may have when it is longer. */
trb_code configuration_read_file(const char *file, struct text *ret_text, struct trb_error *err);
/* $NAME and ${NAME} become what the environment says, or nothing. */
void configuration_expand(struct trb_slice, struct text *ret_text);

#define CONFIGURATION_PREFIX "error loading configuration: "

#endif
