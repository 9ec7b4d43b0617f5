/* services: what the host lends to instances on loops, and takes back before stop. */
#ifndef PLUGIN_SERVICES_H
#define PLUGIN_SERVICES_H

#include <plugin/instance.h>

const void *services_find(const char *id);                 /* by the ids of trilby/services.h [any] */
/* Takes back what an origin still holds; on its loop. */
void services_take_back(struct trb_origin *);

#endif
