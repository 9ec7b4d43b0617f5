/* own: what the listener answers by itself: its index, its description, the log's level. Private to this folder. */
#ifndef ADMIN_OWN_H
#define ADMIN_OWN_H

#include <admin/admin.h>

/* arg: as for every verb; not looked at. */
admin_verb own_index, own_openapi, own_log_level, own_set_log_level;

#endif
