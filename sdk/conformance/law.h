/* law: what a component did wrong, gathered from every thread. [any] */
#ifndef CONFORMANCE_LAW_H
#define CONFORMANCE_LAW_H

#include <base/text.h>
#include <trilby/plugin.h>

void law_broken(const char *format, ...) TRB_PRINTF(1, 2);     /* one sentence; repeated ones are kept once */
uint32_t law_breaches(void);
void law_take(struct text *ret_sentences);                     /* joined by "; ", and forgotten */

/* Words that must appear nowhere: neither in a log line nor in an error. */
void law_secret(const char *value);
void law_check_text(const char *what, struct trb_slice text);
void law_check_error(const char *verb, const struct trb_error *);

#endif
