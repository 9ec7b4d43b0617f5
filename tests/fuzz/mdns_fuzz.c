/* mdns: any datagram, as a query to answer and as a response to believe. */
#include <stddef.h>
#include <stdint.h>

#include "plugins/nameresolution/mdns/dns.c"
#include "plugins/nameresolution/mdns/dns_write.c"
#include "plugins/nameresolution/mdns/records.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dns_writer w;
    static struct sighting seen[SIGHTINGS];
    struct trb_slice message = {(const char *)data, size};
    struct identity me;
    bool unicast;
    if (identity_make((struct trb_slice){"mdapp1", 6}, "vm", 20808, "10.99.0.1", 24702, &me))
        __builtin_trap();
    struct trb_slice answer = record_answer(&me, message, &w, &unicast);
    if (answer.at && !record_sightings(answer, (struct trb_slice){"mdapp1", 6}, &me.service, seen) && answer.len > 90)
        __builtin_trap();              /* what we say about ourselves we must understand */
    record_sightings(message, (struct trb_slice){"mdapp1", 6}, &me.service, seen);
    return 0;
}
