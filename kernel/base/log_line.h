/* log_line: how one entry looks, as logfmt, as JSON, or in colours on a terminal. Private to log*.c. */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <base/log.h>
#include <base/text.h>

#define LOG_FIELDS_MAX 24                       /* further ones are left out */

struct log_line {
    uint32_t level;
    bool json, colour;
    const char *scope, *app_id, *instance, *version;
    int64_t wall_ns;
    uint64_t uptime_s;
    struct trb_slice message;
    const struct log_field *fields;
    uint32_t count;
};

void log_line_write(const struct log_line *, struct text *);          /* ends in a line feed */

#endif
