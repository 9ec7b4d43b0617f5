/* cors: who may read our answers in a browser (http-api.md 2.5). */
#ifndef REQUEST_CORS_H
#define REQUEST_CORS_H

#include <request/door.h>

/* Adds the headers to the coming answer. true: it was a preflight, to be answered 200 and empty. */
bool cors_apply(const struct door_setup *, struct request *);

#endif
