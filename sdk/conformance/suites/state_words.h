/* state_words: short words for the cases of state. */
#ifndef CONFORMANCE_STATE_WORDS_H
#define CONFORMANCE_STATE_WORDS_H

#include "../judge.h"
#include <trilby/state.h>

struct stored {
    struct trb_slice value, etag, expires;     /* in the answer; absent: none */
    bool failed;
    const char *why;
    struct asked *asked;
};

struct stored state_read(struct test *, struct trb_name key);
void stored_end(struct stored *);
bool state_put(struct test *, struct trb_name key, struct trb_slice value);    /* a failure is noted */
/* With conditions; err says why not. etag NULL: none. */
bool state_put_if(struct test *, struct trb_name key, struct trb_slice value, const char *etag, uint32_t concurrency,
                  struct trb_error *err);
bool state_remove(struct test *, struct trb_name key, const char *etag, struct trb_error *err);
char *state_etag(struct test *, struct trb_name key);          /* a copy, or NULL; mem_free it */

#endif
