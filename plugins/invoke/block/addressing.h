/* addressing: whom a request means, and which method: the forms of http-api.md 4.2. Pure text, no
 * request in sight. */
#ifndef INVOKE_ADDRESSING_H
#define INVOKE_ADDRESSING_H

#include <stdbool.h>
#include <trilby/types.h>

struct address {
    struct trb_slice target;               /* "app", "app.ns", an endpoint's name, "http://host" */
    struct trb_slice method;               /* decoded, not yet cleaned */
};

/* app_id and authorization: header values, or absent. path: as received, escaped, without query.
 * room: 2 * path.len + authorization.len + 2 bytes that live as long as the result. false: no target. */
bool address_find(struct trb_slice app_id, struct trb_slice authorization, struct trb_slice path, char *room,
                  struct address *ret_address);

/* The method as a path of a URL, with one slash in front. room: 3 * method.len + 2. false: ret_bad is the part
 * that is no escape, "%b". */
bool method_path(struct trb_slice method, char *room, struct trb_slice *ret_path, struct trb_slice *ret_bad);

bool target_is_url(struct trb_slice target);
/* "app" or "app.namespace"; absent: not said. false: more dots, or nothing. */
bool target_split(struct trb_slice target, struct trb_slice *ret_app_id, struct trb_slice *ret_namespace);

#endif
