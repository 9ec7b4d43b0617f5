/* wish: what an operation says of its request, and what an answer says of itself; pure. */
#ifndef HTTP_BINDING_WISH_H
#define HTTP_BINDING_WISH_H

#include <base/arena.h>
#include <http/http.h>

#define WISH_OPERATIONS "create get head post put patch delete options trace"

struct wish {
    const char *url, *method, *token_header, *token;
    const struct trb_pairs *metadata;
};

const char *wish_method(struct trb_slice operation);      /* NULL: there is none */
bool wish_has_body(const char *method);
const char *wish_url(struct arena *, const struct wish *);
struct trb_pairs wish_headers(struct arena *, const struct wish *);
/* statusCode, status and each header once, its values joined. */
struct trb_pairs wish_answer_metadata(struct arena *, const struct http_answer *);

#endif
