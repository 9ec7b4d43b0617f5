/* source: where a key set comes from, and how it stays fresh: a URL is fetched again and again, a file is looked at
 * for every use, a text in the options is what it is. [loop] */
#ifndef SOURCE_H
#define SOURCE_H

#include "keyset.h"
#include <http/http.h>
#include <trilby/services.h>

struct source {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const char *jwks;               /* the option */
    int64_t timeout_ns, refresh_ns;
    struct keyset set;              /* the last one that could be read */
    bool is_url, is_file;
    struct http *http;
    struct trb_timer *timer;
    struct trb_call *starting;      /* start's, until the first load */
    int64_t stamp[3];               /* of the file that set was read from: size, inode, time */
    bool is_broken;                 /* said already: the file or the URL cannot be read any more */
};

/* Answers the call when the first set is there, or why not. */
void source_start(struct source *, struct trb_call *);
void source_stop(struct source *);
void source_cancel(struct source *, struct trb_call *, uint32_t why);
const struct keyset *source_set(struct source *);

#endif
