/* calls: the one table of the admin API. Requests are routed by it and the description is made from it.
 * Private to this folder. */
#ifndef ADMIN_CALLS_H
#define ADMIN_CALLS_H

#include <admin/admin.h>
#include <stdbool.h>
#include <stddef.h>

struct admin_call {
    const char *method, *path;             /* "/v1/admin/components/{name}"; at most one {name} */
    const char *id, *summary, *doc;        /* doc: more than the summary, or NULL */
    const char *name;                      /* what {name} is; NULL: there is none */
    const char *takes;                     /* schema of its JSON body, "yaml", or NULL: the body is not looked at */
    const char *gives;                     /* schema of a good answer */
    const char *fails;                     /* statuses of this call's own, blanks between; or NULL */
    admin_verb *own;                       /* answered by this folder; NULL: verb */
    size_t verb;                           /* offset in struct admin_verbs */
};

const struct admin_call *calls_all(size_t *ret_count);
#define CALLS_NAME 255u
/* {name} as it is in a path, percent-escapes read; false: nothing can be called so. */
bool calls_read_name(struct trb_slice raw, char ret_name[CALLS_NAME], size_t *ret_len);
/* *ret_name: as it is in the path. NULL: none; *ret_is_known then says whether the path takes another method. */
const struct admin_call *calls_find(struct trb_slice method, struct trb_slice path, struct trb_slice *ret_name,
                                    bool *ret_is_known);
void calls_methods(struct trb_slice path, struct text *);      /* "GET, POST": for Allow */
admin_verb *calls_verb(const struct admin_call *, const struct admin_verbs *);
static inline bool calls_is_change(struct trb_slice method)    /* not a mere look */
{
    return !(method.len == 3 && !__builtin_memcmp(method.at, "GET", 3));
}

#endif
