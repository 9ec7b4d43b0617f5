/* words: the small translations between JSON, names, failures and the log that every block needs. [loop] */
#ifndef WORDS_WORDS_H
#define WORDS_WORDS_H

#include <base/json.h>
#include <trilby/block.h>

/* A line of the log, cut at 1 KB. */
void say_in(const struct trb_kernel *, const char *scope, uint32_t level, const char *format, ...) TRB_PRINTF(4, 5);
bool app_speaks_grpc(const struct trb_kernel *);

/* In the request's memory. */
struct trb_name name_copy(struct trb_request *, struct trb_slice);          /* whatever is inside it */
struct trb_name string_copy(struct trb_request *, struct json_value);       /* unescaped; absent when it is no string */
/* What a component said of its failure: as long as the failure lives, and as a copy. */
struct trb_slice component_said(struct trb_request *, const struct trb_error *);
struct trb_name component_text(struct trb_request *, const struct trb_error *);

#endif
