/* report: the table on stdout, and JUnit. */
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include "runner.h"

struct report;
struct report *report_begin(const struct subject *, const char *junit);    /* NULL: JUnit cannot be written; said */
void report_row(struct report *, const struct test_case *, const struct result *);
uint32_t report_end(struct report *);          /* how many have failed */

#endif
