/* door_log: one line per API call (http-api.md 2.9, grpc-api.md 1.6). */
#ifndef REQUEST_DOOR_LOG_H
#define REQUEST_DOOR_LOG_H

#include <request/door.h>

void door_log_http(const struct door_rules *, struct request *);
void door_log_grpc(const struct door_rules *, struct request *);

#endif
