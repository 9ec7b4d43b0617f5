/* verbs: see verbs.h. */
#include "verbs.h"
#include <base/slice.h>

static const char *const names[] = {"", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
#define COUNT (int32_t)(sizeof names / sizeof names[0])

struct trb_slice verb_name(int32_t number)
{
    return slice_of(number > 0 && number < COUNT ? names[number] : "");
}

int32_t verb_number(struct trb_slice name)
{
    for (int32_t i = 1; i < COUNT; i++)
        if (slice_is(name, slice_of(names[i])))
            return i;
    return 0;
}
