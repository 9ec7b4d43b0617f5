/* reconfigure: the files of --config read again while the runtime runs, for --reload=safe. What can change
 * without building the runtime anew is in force at once: spec.api, spec.components, spec.logging, spec.secrets.
 * [main loop] */
#ifndef RUNTIME_RECONFIGURE_H
#define RUNTIME_RECONFIGURE_H

struct runtime;

#define RECONFIGURED 0u                    /* all of it is in force */
#define RECONFIGURED_IN_PART 1u            /* the rest waits for the runtime to be built anew; the log says what */
#define NOT_RECONFIGURED 2u                /* it cannot be read: everything stays; the log says why */

unsigned reconfigure(struct runtime *);

#endif
