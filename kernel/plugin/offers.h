/* offers: types that no plugin file is named after, as instances of block "offers" have found them.
 * [main loop], but for what the service does on behalf of such an instance, which lives there too. */
#ifndef PLUGIN_OFFERS_H
#define PLUGIN_OFFERS_H

#include <trilby/services.h>

struct offer {
    char *type;                              /* "state.orders" */
    char *as;                                /* the component that serves it: "state.pluggable" */
    char *plugin;                            /* where that is: "offers.pluggable" */
};

extern const struct trb_offers_service offers_service;

void offers_clear(void);                     /* before they are asked again */
const struct offer *offers_find(struct trb_slice type);     /* letter case ignored; NULL: nobody offers it */

#endif
