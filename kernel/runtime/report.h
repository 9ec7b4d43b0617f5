/* report: what is loaded and what runs, as JSON for people and tools. It only looks. [main loop] */
#ifndef RUNTIME_REPORT_H
#define RUNTIME_REPORT_H

#include <base/text.h>
#include <runtime/runtime.h>
#include <trilby/types.h>

/* {"plugins":[{"file":"state.redis.so","path":…,"version":…,"copy":2,"newest":true,"blocks":[…],
 *   "components":["orders"],"users":1,"leaving":[{"name":"orders","pins":{…}}]}, …]}: every
 * copy that is mapped, newest first. */
void report_plugins(struct runtime *, struct text *);
/* {"components":[{"name":…,"type":…,"version":…,"state":"live","why":…,"copy":2,"lost":false,"pins":{…}}, …]} */
void report_components(struct runtime *, struct text *);
/* The one of that name that serves, or else one that has failed or leaves, with its options; false: none. */
bool report_component(struct runtime *, struct trb_slice name, struct text *);
/* {"appId":…,"version":…,"build":{…},"abi":{…},"set":…,"blocks":[…],"plugins":[…],"folders":[…],"preview":[…]} */
void report_features(struct runtime *, const char *commit, struct text *);
/* {"pid":…,"runtimeMs":…,"memory":{…},"loops":[…],"workers":{…},"log":{…}} */
void report_process(struct runtime *, struct text *);

#endif
