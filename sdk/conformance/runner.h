/* runner: each case in a process of its own, so that a crash, a hang or a leak is one row of the table. */
#ifndef CONFORMANCE_RUNNER_H
#define CONFORMANCE_RUNNER_H

#include "judge.h"

#define RESULT_PASSED 0u
#define RESULT_FAILED 1u
#define RESULT_SKIPPED 2u

struct result {
    uint32_t verdict, checks;
    uint64_t took_ns;
    char why[2000];                            /* of a failure or a skip */
};

struct runner_ways {
    uint64_t limit_ns;                         /* of one case */
    bool is_verbose;                           /* the component's log goes to stderr */
    bool in_this_process;                      /* for a debugger */
};

void runner_run(const struct subject *, const struct test_case *, const struct runner_ways *, struct result *);

#endif
