/* trilby/plugin.h: what the host and every plugin agree on. Append only.
 *
 * A plugin exports one constant symbol, trilby_plugin_v1, and imports nothing: the host hands its
 * table in with every call. A plugin may be loaded twice and keeps no writable globals.
 *
 * Roles, not threads: [loop] on an event loop, must not block; [worker] on a pool thread, may block;
 * [any] anywhere and concurrently, also from threads of the plugin's own (signals blocked there). */
#ifndef TRILBY_PLUGIN_H
#define TRILBY_PLUGIN_H

#include <trilby/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_ABI_MINOR 0 /* of these headers; a host refuses a plugin of a later one (docs/abi.md) */

/* How a component is called (house style 2.5). */
#define TRB_ON_LOOP 1u      /* one instance per loop; verbs [loop]; no locks needed */
#define TRB_ON_ONE_LOOP 2u  /* one instance on its home loop; verbs [loop] */
#define TRB_ON_WORKERS 3u   /* one instance; verbs [worker], up to max_parallel at once */
#define TRB_ANYWHERE 4u     /* one instance; verbs [any] loop, concurrently; return promptly */

#define TRB_MAY_UNMAP 1u    /* no thread, exit handler or pointer of ours outlives stop */

/* Why a call was cancelled. The host has answered its client already; the answer is still owed. */
#define TRB_WHY_DEADLINE 1u /* its time was over */
#define TRB_WHY_CLIENT 2u   /* it left, or gave up */
#define TRB_WHY_ENDED 3u    /* unsubscribed, or a newer configuration */
#define TRB_WHY_DRAINING 4u /* the process or the plugin is leaving */

/* A question awaiting its one answer. Owned by the host; the plugin's until answered. */
struct trb_call {
    uint32_t size;
    const struct trb_host *host;     /* the functions to answer with; valid as long as the instance */
    const struct trb_origin *origin; /* what log, buf_new and the services want; valid as long as the instance */
};

/* Levels of log. */
#define TRB_LOG_DEBUG 0u /* for who looks for something */
#define TRB_LOG_INFO 1u  /* what an operator wants to know once */
#define TRB_LOG_WARN 2u  /* goes on, but should be looked at */
#define TRB_LOG_ERROR 3u /* something is lost; never for a call that fails: the host logs that */

/* What the host does for a plugin. Every member is [any], and returns promptly. */
struct trb_host {
    uint32_t size, abi_minor; /* abi_minor: of the host's headers */

    /* The law of answers (house style 2.4): exactly one done or fail per call. The answer is copied
     * before done returns; a trb_data in it with an owner gives that reference to the host. */
    void (*done)(struct trb_call *, const void *answer, size_t size);
    void (*fail)(struct trb_call *, const struct trb_error *); /* copied; a text in it is given */
    /* One result of a bulk, before done. err NULL: it went well. */
    void (*item)(struct trb_call *, uint32_t index, const void *answer, size_t size,
                 const struct trb_error *err);
    /* Streams: established, once. */
    void (*opened)(struct trb_call *);
    /* Streams: one event, settled later with this cookie. Returns the credit that is left; at 0 wait
     * for resume before the next emit. */
    uint32_t (*emit)(struct trb_call *, const void *event, size_t size, void *cookie);
    uint64_t (*deadline_ns)(const struct trb_call *); /* monotonic; 0: none */
    uint32_t (*is_cancelled)(const struct trb_call *); /* 1: nobody waits any more; the answer is owed all the same */

    /* len bytes to be written through ret_bytes; the reference is the caller's. NULL when the host has no memory left for
     * it: fail with TRB_EXHAUSTED then. */
    struct trb_buf *(*buf_new)(const struct trb_origin *, size_t len, char **ret_bytes);
    /* The plugin's own bytes, uncopied. release is called once with arg, on any thread, after the last reference; the
     * plugin stays loaded until then. NULL: no memory, and the bytes are still the caller's. */
    struct trb_buf *(*buf_wrap)(const struct trb_origin *, struct trb_slice, void (*release)(void *),
                                void *arg);
    struct trb_buf *(*buf_ref)(struct trb_buf *);   /* one more reference, the caller's; returns the same */
    struct trb_buf *(*buf_unref)(struct trb_buf *); /* NULL is welcome; returns NULL */
    struct trb_slice (*buf_bytes)(const struct trb_buf *); /* borrowed, as long as a reference is held */

    /* One line, copied, with the component's name before it. Never the value of a sensitive option. */
    void (*log)(const struct trb_origin *, uint32_t level, const char *text);
    void (*narrow)(const struct trb_origin *, uint64_t caps); /* promises learnt at start */
    void (*lost)(const struct trb_origin *, const struct trb_error *); /* the product is out of reach */
    void (*ready)(const struct trb_origin *);                          /* and back */
    const void *(*extension)(const char *id);                          /* NULL: not offered */
    uint64_t (*now_ns)(void);                                          /* monotonic, cheap */
};

/* The question that start answers. Readable until answered. */
struct trb_setup {
    uint32_t size;
    struct trb_name component;          /* metadata.name */
    struct trb_name app_id, namespace_; /* of the sidecar; the namespace may be empty */
    struct trb_pairs properties; /* all that the YAML said, resolved; keys as written */
    struct trb_slice document;   /* the resource as JSON */
    uint32_t is_successor;       /* 1: another serves meanwhile, and hands over to this one before any verb */
};

/* A verb: question is the struct that the block's .def says; the answer comes through call->host. */
typedef void trb_verb(void *self, struct trb_call *, const void *question);

/* How an event of a stream ended. */
#define TRB_ACK 1u
#define TRB_RETRY 2u /* deliver again, if the product can */
#define TRB_DROP 3u  /* handled for good: acknowledge */
#define TRB_HELD 4u  /* the process is leaving: neither */

/* What became of one event, told to settle once. Readable until settle returns. */
struct trb_settlement {
    uint32_t size, verdict;        /* verdict: TRB_ACK, TRB_RETRY, TRB_DROP or TRB_HELD */
    const struct trb_error *error; /* the handler's, or NULL */
    struct trb_data data;          /* the handler's answer, or absent */
    const uint32_t *items;         /* one verdict per entry of a bulk event, or NULL */
    uint32_t item_count;           /* of items */
};

/* One row of the manifest: a component, as constant data. */
struct trb_component {
    uint32_t size;
    const char *block, *type, *version, *summary; /* "state", "state.redis", "v1", … */
    const char *const *aliases;                   /* NULL-terminated, or NULL */
    uint64_t caps;                                /* promises, in the block's words */
    uint32_t run;          /* TRB_ON_LOOP, TRB_ON_ONE_LOOP, TRB_ON_WORKERS or TRB_ANYWHERE */
    uint32_t max_parallel; /* TRB_ON_WORKERS: calls at once; 0: one */
    size_t self_size; /* the host allocates it, zeroed, aligned for anything */
    const struct trb_option *options; /* filled into the members of self before start; or NULL */
    size_t option_count, option_size; /* size: of one option as compiled here */
    const void *ops;                  /* the block's table of verbs */
    trb_verb *start, *stop, *ping;    /* stop also after a failed start; ping may be NULL */
    void (*cancel)(void *self, struct trb_call *, uint32_t why); /* in the instance's role */
    void (*resume)(void *self, struct trb_call *);               /* streams: there is credit again */
    void (*settle)(void *self, void *cookie, const struct trb_settlement *); /* once per event */
    trb_verb *hand_over;                              /* answers a struct trb_data: what adopt understands */
    void (*adopt)(void *self, struct trb_slice kept); /* after start, before any verb */
    const char *writes; /* options that name a file or folder it writes, 'a|b', or NULL; isolated it writes no others */
};

struct trb_block; /* a building block: block.h */

/* The manifest: constant data under the plugin's one symbol. */
struct trb_plugin {
    uint32_t size, abi_minor, flags;      /* abi_minor: TRB_ABI_MINOR; flags: TRB_MAY_UNMAP or 0 */
    const char *name, *version, *license; /* for people: "redis", "1.0.0", an SPDX identifier */
    const struct trb_component *const *components; /* NULL-terminated, or NULL */
    const struct trb_block *const *blocks;         /* NULL-terminated, or NULL */
};

TRB_EXPORT extern const struct trb_plugin trilby_plugin_v1;

/* TRB_PLUGIN("redis", "1.0.0", "Apache-2.0", &component, …): the manifest of components that may be unmapped (TRB_MAY_UNMAP).
 * Blocks use TRB_BLOCK_PLUGIN of block.h. */
#define TRB_PLUGIN(name_, version_, license_, ...)                                                 \
    TRB_PLUGIN_FLAGS(TRB_MAY_UNMAP, name_, version_, license_, __VA_ARGS__)
/* The same with flags of one's own: 0 for a client library that leaves threads or exit handlers behind. */
#define TRB_PLUGIN_FLAGS(flags_, name_, version_, license_, ...)                                   \
    static const struct trb_component *const trb_components_[] = {__VA_ARGS__, NULL};              \
    const struct trb_plugin trilby_plugin_v1 = {                                                   \
        .size = sizeof(struct trb_plugin), .abi_minor = TRB_ABI_MINOR, .flags = (flags_),          \
        .name = (name_), .version = (version_), .license = (license_),                             \
        .components = trb_components_}

#ifdef __cplusplus
}
#endif
#include <trilby/inline.h>
#endif
