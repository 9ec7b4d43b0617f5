/* isolate: a component whose code runs in a process of its own.
 *
 *      host: one proxy per loop ══ a line each ══╗
 *                                                ╠══ child: plugin host, one loop, workers, the component
 *      house (main loop) ══ control, log, dial ══╝
 *
 * To the host the component is a table like any other, whose verbs write questions down and read answers
 * (proxy.c). The house starts the process, watches it and starts it again when it ends. In the child the
 * usual plugin host asks the component (child.c, serve.c), confined (confine.c). What comes from the child is
 * bytes of a stranger. */
#ifndef ISOLATE_ISOLATE_H
#define ISOLATE_ISOLATE_H

#include <plugin/instance.h>
#include <stdbool.h>

struct isolate_limits {
    uint64_t memory_bytes;                 /* writable memory; 0: none */
    uint32_t descriptors;                  /* 0: none */
    uint32_t cpu_percent;                  /* of one CPU, over ten seconds; 0: none */
    bool may_dial;                         /* its library may open sockets of its own */
    bool may_open;                         /* every file that its user may */
    struct trb_slice writes;               /* else paths that it may write beside those its options name; ','; copied */
};

/* What answers in the place of real, a component of plugin (kept until given up). For instance_spec.instead
 * and given_up. [main loop] */
trb_code isolate_component(struct plugin *plugin, const struct trb_component *real, const struct isolate_limits *,
                           const struct trb_component **ret_component, struct trb_error *err);
void isolate_given_up(const struct trb_component *);

struct isolate_figures {
    int pid;                               /* 0: there is no process just now */
    uint64_t restarts, resident_bytes, cpu_ns;
};
/* false: it runs in the sidecar. [main loop] */
bool isolate_figures(const struct instance *, struct isolate_figures *ret);

/* The other half: argv[1] of a process that is a child. */
#define ISOLATE_WORD "--isolated-child"
int isolate_child(int argc, char **argv);

#endif
