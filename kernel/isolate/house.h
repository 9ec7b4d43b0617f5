/* house: one isolated component as the host sees it: its process, and one proxy per loop. Private to house*.c,
 * process.c and proxy.c. */
#ifndef ISOLATE_HOUSE_H
#define ISOLATE_HOUSE_H

#include <base/list.h>
#include <isolate/frame.h>
#include <isolate/ids.h>
#include <isolate/isolate.h>
#include <isolate/words.h>
#include <stdatomic.h>
#include <sys/types.h>

struct house;

/* --- one loop's side: everything [its loop] ------------------------------------------------------ */
struct proxy {
    struct house *house;
    struct loop *loop;
    struct stream *link;                   /* NULL: no process to ask just now */
    uint64_t generation;                   /* of the process at the other end */
    struct ids asked;                      /* struct pending */
    struct list queue;                     /* of those that wait for the next process */
    bool is_down;                          /* none is coming soon: why says so */
    struct trb_error why;
    _Atomic uint64_t answers;              /* read by the house */
};

void proxy_init(struct proxy *, struct house *, struct loop *);
void proxy_verbs(const struct words *, const void *real_ops, char *ops);       /* fills the table of a proxy */
void proxy_cancel(void *self, struct trb_call *, uint32_t why);
void proxy_settle(void *self, void *cookie, const struct trb_settlement *);
/* From the main loop; each arrives on the proxy's loop, in order. */
void proxy_connect(struct proxy *, struct stream_ends, uint64_t generation);
void proxy_disconnect(struct proxy *, uint64_t generation, const struct trb_error *or_null);   /* or_null: and none comes soon */
void proxy_close(struct proxy *);          /* on its loop: it is told to stop */

/* --- the process: everything [main loop] --------------------------------------------------------- */
struct started {                           /* what process_spawn leaves behind */
    pid_t pid;
    int control, log, dial;
    struct stream_ends *links;             /* one per loop */
};
/* links: room for as many as there are loops. */
trb_code process_spawn(struct plugin *, const char *name, const char *type, struct started *, struct trb_error *err);

#define HOUSE_EMPTY 0u                     /* no process, and none is coming */
#define HOUSE_STARTING 1u
#define HOUSE_UP 2u
#define HOUSE_PAUSING 3u                   /* it ended too often */
#define HOUSE_STOPPING 4u

struct house {
    uint32_t magic, state;
    struct trb_component component;        /* what the instance runs */
    char *ops;
    const struct words *words;
    const struct trb_component *real;
    struct plugin *plugin;
    struct isolate_limits limits;
    char *writes;                          /* limits.writes lies here */
    struct proxy *proxies;
    uint32_t loops;

    struct instance *instance;
    struct trb_call **tokens;              /* of start or stop, per loop, until answered */
    uint32_t token_count;
    uint64_t generation;
    pid_t pid;
    struct stream *control;
    struct watch log;
    int log_fd;
    struct stream_ends *links;             /* not handed to their loops yet: -1 when they are */
    struct switchboard *board;             /* connects for it */
    struct reaper *reaper;                 /* of the present process */
    bool was_up;                           /* its first start went well */
    struct timer patience, pause, watchdog;
    uint64_t ended_ns, answers_before;     /* when the last one ended; answers when this one came up */
    uint64_t restarts;                     /* processes after the first that came up */
    uint32_t failures;                     /* ended without an answer, in a row */
    uint64_t ping, pong, cpu_ns, cpu_at_ns;
    uint32_t cpu_over;
};
#define HOUSE_MAGIC 0x484f5553u

void house_send_setup(struct house *);
void house_tell_of_files(const struct isolate_limits *);               /* once: that they cannot be kept */
void house_count_restart(struct house *);
void house_read_log(void *house, uint32_t what);      /* what there is; for watch_set */

static inline struct house *house_of(const struct trb_call *call)
{
    return container_of(call->origin->instance->component, struct house, component);
}

/* From a proxy: its line broke, or said what is none of ours. [its loop] */
void house_line_lost(struct proxy *, uint64_t generation, const char *why);

#endif
