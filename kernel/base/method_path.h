/* method_path: the one place where the method of an invocation becomes what it means. What comes out is,
 * byte for byte, what a policy judges and what the app is called with. grpc-api.md 4.1. [any] */
#ifndef BASE_METHOD_PATH_H
#define BASE_METHOD_PATH_H

#include <stdbool.h>
#include <trilby/types.h>

#define METHOD_PATH_FAULT 640u

/* Refused: '#', '?', NUL and control bytes. Resolved: dot segments, repeated and trailing slashes; a
 * leading slash stays. Nothing is decoded: '%2F' and '\' are letters like others. room: method.len + 1
 * bytes, the method's own memory is welcome; ends in NUL. false: fault says why, e.g.
 * "method contains forbidden character: \"x?y\"". */
bool method_path_clean(struct trb_slice method, char *room, struct trb_slice *ret, char fault[METHOD_PATH_FAULT]);

#endif
