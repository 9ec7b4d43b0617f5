/* catalog: which components are in service, by block and name. Immutable; each loop holds the one it
 * works with, and a new one is in force everywhere before publish calls back. */
#ifndef PLUGIN_CATALOG_H
#define PLUGIN_CATALOG_H

#include <plugin/instance.h>

struct catalog;

struct catalog *catalog_create(struct trb_instance *const *views, uint32_t count);   /* [main loop] */
/* Every loop switches; then(arg) on the main loop once none uses the old one, which is freed.
 * Publications are carried out in order. [main loop] */
void catalog_publish(struct catalog *, void (*then)(void *arg), void *arg);

/* The loop's own. [loop] */
struct trb_instance *catalog_find(const char *block, struct trb_slice name);     /* NULL: absent; not pinned */
uint32_t catalog_count(const char *block);
struct trb_instance *catalog_at(uint32_t i);                                     /* all blocks; NULL: the end */

#endif
