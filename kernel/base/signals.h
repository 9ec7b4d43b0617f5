/* signals: those of the process are the main thread's; a fault is its own thread's, and must reach the report. */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Blocks what other threads shall not take, e.g. around the making of one. A fault while its signal is blocked would
 * end the process without a word. */
static inline void signals_block(sigset_t *ret_before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigset_t every;
    sigfillset(&every);
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&every, faults[i]);
    pthread_sigmask(SIG_SETMASK, &every, ret_before);
}

#endif
