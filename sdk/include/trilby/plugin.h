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

#define TRB_ABI_MINOR 0

/* How a component is called (house style 2.5). */
#define TRB_ON_LOOP 1u      /* one instance per loop; verbs [loop]; no locks needed */
#define TRB_ON_ONE_LOOP 2u  /* one instance on its home loop; verbs [loop] */
#define TRB_ON_WORKERS 3u   /* one instance; verbs [worker], up to max_parallel at once */
#define TRB_ANYWHERE 4u     /* one instance; verbs [any] loop, concurrently; return promptly */

#define TRB_MAY_UNMAP 1u    /* no thread, exit handler or pointer of ours outlives stop */

/* Why a call was cancelled. The host has answered its client already; the answer is still owed. */
#define TRB_WHY_DEADLINE 1u
#define TRB_WHY_CLIENT 2u
#define TRB_WHY_ENDED 3u    /* unsubscribed, or a newer configuration */
#define TRB_WHY_DRAINING 4u /* the process or the plugin is leaving */

/* A question awaiting its one answer. Owned by the host; the plugin's until answered. */
struct trb_call {
    uint32_t size;
    const struct trb_host *host;
    const struct trb_origin *origin;
};

#define TRB_LOG_DEBUG 0u
#define TRB_LOG_INFO 1u
#define TRB_LOG_WARN 2u
#define TRB_LOG_ERROR 3u

struct trb_host { /* every member: [any] */
    uint32_t size, abi_minor;

    /* The law of answers (house style 2.4): exactly one done or fail per call. The answer is copied
     * before done returns; a trb_data in it with an owner gives that reference to the host. */
    void (*done)(struct trb_call *, const void *answer, size_t size);
    void (*fail)(struct trb_call *, const struct trb_error *);
    /* One result of a bulk, before done. err NULL: it went well. */
    void (*item)(struct trb_call *, uint32_t index, const void *answer, size_t size,
                 const struct trb_error *err);
    /* Streams: established, once. */
    void (*opened)(struct trb_call *);
    /* Streams: one event, settled later with this cookie. Returns the credit that is left; at 0 wait
     * for resume before the next emit. */
    uint32_t (*emit)(struct trb_call *, const void *event, size_t size, void *cookie);
    uint64_t (*deadline_ns)(const struct trb_call *); /* monotonic; 0: none */
    uint32_t (*is_cancelled)(const struct trb_call *);

    /* Both return NULL when the host has no memory left for it: fail with TRB_EXHAUSTED then. */
    struct trb_buf *(*buf_new)(const struct trb_origin *, size_t len, char **ret_bytes);
    struct trb_buf *(*buf_wrap)(const struct trb_origin *, struct trb_slice, void (*release)(void *),
                                void *);
    struct trb_buf *(*buf_ref)(struct trb_buf *);
    struct trb_buf *(*buf_unref)(struct trb_buf *); /* NULL is welcome; returns NULL */
    struct trb_slice (*buf_bytes)(const struct trb_buf *);

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
    struct trb_name component, app_id, namespace_;
    struct trb_pairs properties; /* all that the YAML said, resolved; keys as written */
    struct trb_slice document;   /* the resource as JSON */
};

typedef void trb_verb(void *self, struct trb_call *, const void *question);

/* How an event of a stream ended. */
#define TRB_ACK 1u
#define TRB_RETRY 2u /* deliver again, if the product can */
#define TRB_DROP 3u  /* handled for good: acknowledge */
#define TRB_HELD 4u  /* the process is leaving: neither */

struct trb_settlement {
    uint32_t size, verdict;
    const struct trb_error *error; /* the handler's, or NULL */
    struct trb_data data;          /* the handler's answer, or absent */
    const uint32_t *items;         /* one verdict per entry of a bulk event, or NULL */
    uint32_t item_count;
};

struct trb_component {
    uint32_t size;
    const char *block, *type, *version, *summary; /* "state", "state.redis", "v1", … */
    const char *const *aliases;                   /* NULL-terminated, or NULL */
    uint64_t caps;                                /* promises, in the block's words */
    uint32_t run, max_parallel;
    size_t self_size; /* the host allocates it, zeroed, aligned for anything */
    const struct trb_option *options;
    size_t option_count, option_size; /* size: of one option as compiled here */
    const void *ops;                  /* the block's table of verbs */
    trb_verb *start, *stop, *ping;    /* stop also after a failed start; ping may be NULL */
    void (*cancel)(void *self, struct trb_call *, uint32_t why); /* in the instance's role */
    void (*resume)(void *self, struct trb_call *);               /* streams: there is credit again */
    void (*settle)(void *self, void *cookie, const struct trb_settlement *); /* once per event */
    trb_verb *hand_over;                              /* answers a struct trb_data: what adopt understands */
    void (*adopt)(void *self, struct trb_slice kept); /* after start, before any verb */
};

struct trb_block;

struct trb_plugin {
    uint32_t size, abi_minor, flags;
    const char *name, *version, *license;
    const struct trb_component *const *components; /* NULL-terminated, or NULL */
    const struct trb_block *const *blocks;         /* NULL-terminated, or NULL */
};

TRB_EXPORT extern const struct trb_plugin trilby_plugin_v1;

/* TRB_PLUGIN("redis", "1.0.0", "Apache-2.0", &component, …): the manifest of components. The second
 * form adds flags; blocks use TRB_BLOCK_PLUGIN of block.h. */
#define TRB_PLUGIN(name_, version_, license_, ...)                                                 \
    TRB_PLUGIN_FLAGS(TRB_MAY_UNMAP, name_, version_, license_, __VA_ARGS__)
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
