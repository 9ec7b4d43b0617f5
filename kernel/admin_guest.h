/* admin_guest: the admin listener beside the runtimes: what it asks is done by the runtime of the moment. */
#ifndef ADMIN_GUEST_H
#define ADMIN_GUEST_H

#include <runtime/process.h>

extern const struct process_guest admin_guest;

#endif
