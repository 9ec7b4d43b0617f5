/* describe: what a manifest says, as a page, a schema or Dapr's metadata.yaml. */
#ifndef CONFORMANCE_DESCRIBE_H
#define CONFORMANCE_DESCRIBE_H

#include "judge.h"

int describe(const struct subject *, const char *form);        /* to stdout; the exit code */

#endif
