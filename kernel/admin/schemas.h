/* schemas: what answers and bodies look like. Private to this folder. */
#ifndef ADMIN_SCHEMAS_H
#define ADMIN_SCHEMAS_H

#include <stdbool.h>
#include <stddef.h>

struct schema_field {
    const char *name;                      /* NULL: the last one was before */
    /* "string", "integer", "boolean", "object" (anything in it), "a|b|c" (one of these words), "#Name" (a schema);
     * with [] in front: an array of those. */
    const char *type;
    const char *doc;
    bool is_optional;
};

struct schema {
    const char *name, *doc;
    const struct schema_field *fields;
};

const struct schema *schemas_all(size_t *ret_count);

#endif
