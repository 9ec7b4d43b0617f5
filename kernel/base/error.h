/* error: how a failure is filled in and gains context on its way up. [any]
 *
 * A function that fails returns the code it put into err, and leaves err alone on success. err may
 * be NULL for a caller that only wants the code. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <trilby/types.h>

#define ERROR_INIT {.size = sizeof(struct trb_error), .item = -1}

trb_code error_set(struct trb_error *err, trb_code code, const char *reason, const char *format, ...)
    TRB_PRINTF(4, 5);
trb_code error_vset(struct trb_error *err, trb_code code, const char *reason, const char *format,
                    va_list);
/* From errno: ENOENT is NOT_FOUND, EACCES is DENIED, ECONNREFUSED is UNAVAILABLE and retryable … */
trb_code error_errno(struct trb_error *err, int number, const char *what);
/* "component 'orders': " goes in front of the sentence; what no longer fits is cut at its end. */
trb_code error_prefix(struct trb_error *err, const char *format, ...) TRB_PRINTF(2, 3);
/* Drops text and details; the rest stays. */
void error_release(struct trb_error *err);
/* The longest sentence it has: text if given, else message. */
struct trb_slice error_text(const struct trb_error *err);
/* "InvalidArgument": the code's name as the wire prints it. */
const char *error_code_name(trb_code);
/* HTTP status of a code and back, by the contract's table (http-api.md 3.4). */
int error_code_to_http(trb_code);
trb_code error_code_from_http(int status);

#endif
