/* wait: the client mode of --wait: until a sidecar on this machine can reach out. */
#ifndef RUNTIME_WAIT_H
#define RUNTIME_WAIT_H

#include <config/flags.h>

int wait_for_sidecar(const struct flags *);                /* always 0 (http-api.md 1.1, "wait") */

#endif
