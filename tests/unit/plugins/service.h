/* service: a real server for a test, by its script in tests/services; one that runs already, named by the
 * environment as tests/services/with does, is used as it is. */
#ifndef TEST_SERVICE_H
#define TEST_SERVICE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct service {
    const char *name;
    char address[64], folder[64];       /* folder: "" when it is not ours */
};

/* false: it did not start; the script has said why. */
static inline int service_start(struct service *s, const char *name, const char *variable)
{
    char command[200], port[16] = "";
    const char *given = getenv(variable);
    *s = (struct service){.name = name};
    snprintf(s->address, sizeof s->address, "%s", given ? given : "");
    if (given)
        return 1;
    snprintf(s->folder, sizeof s->folder, "/tmp/unit-%s-XXXXXX", name);
    if (!mkdtemp(s->folder))
        return 0;
    snprintf(command, sizeof command, "tests/services/%s start %s", name, s->folder);
    FILE *from = popen(command, "r");
    int is_said = from && fgets(port, sizeof port, from);
    int rc = from ? pclose(from) : -1;
    port[strcspn(port, "\n")] = 0;
    snprintf(s->address, sizeof s->address, "127.0.0.1:%s", port);
    return is_said && !rc;
}

static inline void service_stop(struct service *s)
{
    char command[200];
    snprintf(command, sizeof command, "tests/services/%s stop %s", s->name, s->folder);
    if (s->folder[0] && system(command))
        fprintf(stderr, "%s did not stop\n", s->name);
}

#endif
