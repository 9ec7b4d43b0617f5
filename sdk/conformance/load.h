/* load: from the words of the command to the subject: the plugin, its component, its properties. */
#ifndef CONFORMANCE_LOAD_H
#define CONFORMANCE_LOAD_H

#include "command.h"

/* 0, or 2 after having said why on stderr. */
int load_subject(const struct command *, struct subject *ret);

#endif
