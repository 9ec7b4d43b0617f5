/* secrets: what a file of secrets holds, flattened once and then only read. [any, after secrets_read]
 *
 * Plain: every leaf of the tree is a secret, named by its path ("outer:inner:0"). Multi-valued: a text
 * at the top is a secret, an object there is one secret with the leaves below it as its values. */
#ifndef LOCAL_FILE_SECRETS_H
#define LOCAL_FILE_SECRETS_H

#include <base/json.h>
#include <stdbool.h>
#include <trilby/types.h>

struct value {
    struct trb_pair pair;
    uint32_t position;                  /* in the file */
};

struct secret {
    struct trb_name name;
    struct value *values;               /* sorted by name */
    uint32_t count, room, position;
};

struct secrets {
    struct secret *at;                  /* sorted by name */
    uint32_t count, room;
};

/* top is an object. Of two secrets with one name the first stays; twice(arg, name) is told of the other. */
void secrets_read(struct secrets *, struct json_value top, struct trb_slice separator, bool multi_valued,
                  void (*twice)(void *arg, const char *name), void *arg);
const struct secret *secrets_find(const struct secrets *, struct trb_slice name);
void secrets_wipe(struct secrets *);    /* overwrites and frees */

#endif
