/* clock: monotonic for deadlines, wall for people; and the time texts of the wire. [any] */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trilby/types.h>

#define CLOCK_MS 1000000ull
#define CLOCK_S 1000000000ull

uint64_t clock_now_ns(void);                                          /* monotonic */
int64_t clock_wall_ns(void);                                          /* since 1970, UTC */

#define CLOCK_TEXT 40                                                 /* room for any text below */
size_t clock_http_date(int64_t wall_s, char ret_text[CLOCK_TEXT]);    /* Tue, 15 Nov 1994 08:12:31 GMT */
size_t clock_rfc3339(int64_t wall_ns, char ret_text[CLOCK_TEXT]);     /* seconds, UTC, Z */
size_t clock_rfc3339_nano(int64_t wall_ns, char ret_text[CLOCK_TEXT]);/* nanoseconds, trailing zeros cut, Z */
size_t clock_rfc3339_local(int64_t wall_ns, char ret_text[CLOCK_TEXT]);  /* seconds, local offset or Z */
bool clock_parse_rfc3339(struct trb_slice text, int64_t *ret_wall_ns);

/* Go durations: "1h30m", "500ms", "-1.5s", "0". Units ns us µs ms s m h. */
bool clock_parse_duration(struct trb_slice text, int64_t *ret_ns);
size_t clock_duration_text(int64_t ns, char ret_text[CLOCK_TEXT]);    /* 1m0s, 2.5s, 500ms, 0s */

#endif
