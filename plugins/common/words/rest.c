/* rest: see rest.h. */
#include <base/clock.h>
#include <words/rest.h>

#define FIRST_NS (CLOCK_S / 2)
#define LONGEST_NS (60 * CLOCK_S)
#define DOUBLINGS 7u
#define NAP_NS (CLOCK_S / 5)

uint64_t rest_until(uint32_t attempts)
{
    uint64_t ns = FIRST_NS << (attempts < DOUBLINGS ? attempts : DOUBLINGS);
    return clock_now_ns() + (ns < LONGEST_NS ? ns : LONGEST_NS);
}

bool rest_goes_on(struct trb_request *rq, uint64_t until_ns, bool is_leaving, struct trb_next again, struct trb_next *ret)
{
    uint64_t now = clock_now_ns();
    if (now >= until_ns || is_leaving)
        return false;
    uint64_t left = until_ns - now;
    *ret = rq->kernel->sleep(rq, left < NAP_NS ? left : NAP_NS, again);
    return true;
}
