/* rest: the pause of a task before something that has ended is opened again: half a second, twice as long each time, a
 * minute at most; short naps, so that it hears when the process is leaving. [loop] */
#ifndef WORDS_REST_H
#define WORDS_REST_H

#include <stdbool.h>
#include <trilby/block.h>

/* When the next attempt is due, after so many in vain. */
uint64_t rest_until(uint32_t attempts);
/* true: *ret sleeps on and then goes to again. */
bool rest_goes_on(struct trb_request *, uint64_t until_ns, bool is_leaving, struct trb_next again, struct trb_next *ret);

#endif
