/* cel: expressions over JSON, compiled once and tested often: the part of the Common Expression Language
 * that routing rules are written in. Not the whole language: no protobuf messages, timestamps,
 * durations, types as values or matches(); what is not there is refused when it is compiled. */
#ifndef CEL_CEL_H
#define CEL_CEL_H

#include <base/json.h>
#include <stdint.h>

struct cel;

struct cel_variable {
    struct trb_slice name;
    struct json_value value;       /* readable while it is tested */
};

/* names: of the variables, NULL-terminated. NULL: *ret_fault says why, as
 * "ERROR: <input>:1:14: Syntax error: unexpected ')'". [any] */
struct cel *cel_compile(struct trb_slice source, const char *const *names, char *ret_fault, size_t size);
struct cel *cel_destroy(struct cel *);    /* NULL is welcome; returns NULL */

/* 1, 0, or -1: it cannot be evaluated, or gives no boolean; *ret_fault: "no such key: n". [any] */
int cel_test(const struct cel *, const struct cel_variable *, uint32_t count, char *ret_fault, size_t size);

#endif
