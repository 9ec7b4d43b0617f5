/* host: the small members of the host table: buffers, log, promises, health of a product. */
#include <base/check.h>
#include <base/error.h>
#include <base/log.h>
#include <base/slice.h>
#include <plugin/call_private.h>
#include <plugin/services.h>

static struct instance *speaker(const struct trb_origin *o)
{
    check(o && o->magic == ORIGIN_MAGIC);
    return o->instance;
}

static void on_lent_gone(void *lent)
{
    atomic_fetch_sub_explicit((_Atomic int64_t *)lent, 1, memory_order_relaxed);
}

struct trb_buf *host_buf_new(const struct trb_origin *o, size_t len, char **ret_bytes)
{
    _Atomic int64_t *lent = speaker(o)->lent;
    struct trb_buf *b = buf_new(len, ret_bytes);
    if (!b)
        return NULL;
    atomic_fetch_add_explicit(lent, 1, memory_order_relaxed);
    buf_on_gone(b, on_lent_gone, lent);
    return b;
}

static void on_buffer_gone(void *arg)
{
    struct instance *i = arg;
    atomic_fetch_sub(&i->buffers, 1);
    instance_unpin(i);
}

/* The release function lives in the plugin: its bytes in flight pin it. */
struct trb_buf *host_buf_wrap(const struct trb_origin *o, struct trb_slice bytes, void (*release)(void *),
                              void *arg)
{
    struct instance *i = speaker(o);
    struct trb_buf *b = buf_wrap(bytes, release, arg);
    instance_pin(i);
    atomic_fetch_add(&i->buffers, 1);
    buf_on_gone(b, on_buffer_gone, i);
    return b;
}

void host_log(const struct trb_origin *o, uint32_t level, const char *text)
{
    struct instance *i = speaker(o);
    log_write(level <= LOG_ERROR ? level : LOG_ERROR, "dapr.contrib", "component '%s' (%s): %s", i->name,
              i->component->type, text);
}

void host_narrow(const struct trb_origin *o, uint64_t caps)
{
    atomic_fetch_and(&speaker(o)->caps, caps);
}

static void (*on_health)(struct instance *, const struct trb_error *);

void instance_on_health(void (*hook)(struct instance *, const struct trb_error *))
{
    on_health = hook;
}

void host_lost(const struct trb_origin *o, const struct trb_error *err)
{
    static const struct trb_error unsaid = {.size = sizeof unsaid, .code = TRB_UNAVAILABLE, .message = "no reason given"};
    struct instance *i = speaker(o);
    if (atomic_exchange(&i->is_lost, 1))
        return;
    if (on_health)
        on_health(i, err ? err : &unsaid);
    else
        log_warn("dapr.runtime", "component '%s' (%s) has lost its product: %s", i->name, i->component->type,
                 error_text(err ? err : &unsaid).at);
}

void host_ready(const struct trb_origin *o)
{
    struct instance *i = speaker(o);
    if (!atomic_exchange(&i->is_lost, 0))
        return;
    if (on_health)
        on_health(i, NULL);
    else
        log_info("dapr.runtime", "component '%s' (%s) has reached its product again", i->name,
                 i->component->type);
}

const void *host_extension(const char *id)
{
    return services_find(id);
}
