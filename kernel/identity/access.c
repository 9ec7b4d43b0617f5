/* access: everybody may do everything. */
#include <identity/access.h>

bool access_is_refused(struct trb_slice identity, struct trb_slice method, struct trb_slice verb,
                       struct trb_error *err)
{
    return false;
}
