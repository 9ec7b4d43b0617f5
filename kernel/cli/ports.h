/* ports.h: which TCP ports of this machine are free, and which answer. */
#ifndef TRILBY_CLI_PORTS_H
#define TRILBY_CLI_PORTS_H

#include <stdbool.h>

enum { PORTS_MAX = 8 };

/* Ports taken for a moment, so that no two of one run are the same. */
struct ports {
    int held[PORTS_MAX];
    int count;
};

bool ports_hold(struct ports *p, int port);         /* false: somebody else has it */
int ports_choose(struct ports *p);                  /* a free one, held; 0 when there is none */
void ports_release(struct ports *p);                /* just before the sidecar binds them */

bool port_is_answering(const char *address, int port);

#endif
