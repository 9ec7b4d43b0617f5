/* crash: when the process cannot go on, it says in which step each request stood. */
#ifndef RUNTIME_CRASH_H
#define RUNTIME_CRASH_H

void crash_watch(void);                    /* asserts and fatal signals, once per process */

#endif
