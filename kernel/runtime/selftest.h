/* selftest: of an instance that has started, before it takes over: each of its selves is asked whether it reaches its
 * product. [main loop] */
#ifndef RUNTIME_SELFTEST_H
#define RUNTIME_SELFTEST_H

#include <plugin/instance.h>

/* then(arg, NULL or why not) once, never inside; not answered within its initTimeout is a failure too. A
 * component without ping passes. */
void selftest_run(struct instance *, void (*then)(void *arg, const struct trb_error *err), void *arg);

#endif
