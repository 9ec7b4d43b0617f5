/* service: starting and retiring copies of blocks, and their views of components. */
#include <base/check.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <plugin/service.h>

static void pin(struct request_owner *o)
{
    atomic_fetch_add_explicit(&((struct service *)(void *)o)->pins, 1, memory_order_relaxed);
}

static void unpin(struct request_owner *o)
{
    atomic_fetch_sub_explicit(&((struct service *)(void *)o)->pins, 1, memory_order_release);
}

static struct service *service_destroy(struct service *s)
{
    if (s->is_started && s->block->stop)
        s->block->stop(s->self);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->views_lock);
    list_remove(&s->link);
    plugin_unref(s->plugin);
    s->magic = 0;
    return mem_free(s);
}

trb_code service_create(struct plugin *plugin, const struct trb_block *block, const struct trb_kernel *kernel,
                        struct service **ret_service, struct trb_error *err)
{
    struct service *s = mem_zero(sizeof *s + block->self_size + 1);
    s->magic = SERVICE_MAGIC;
    s->owner = (struct request_owner){.kernel = kernel, .self = s->self, .pin = pin, .unpin = unpin};
    s->block = block;
    s->plugin = plugin ? plugin_ref(plugin) : NULL;
    list_init(&s->link);
    list_init(&s->views);
    list_init(&s->drains);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->views_lock, NULL);
    trb_code code = block->start ? block->start(s->self, kernel, err) : TRB_OK;
    s->is_started = !code;
    if (code) {
        error_prefix(err, "block '%s': ", block->name);
        service_destroy(s);
        return code;
    }
    *ret_service = s;
    return TRB_OK;
}

struct waiting {
    struct service *service;
    int64_t but;
    void (*quiet)(void *);
    void *arg;
    struct timer timer;
};

static void look(void *arg)
{
    struct waiting *w = arg;
    if (atomic_load_explicit(&w->service->pins, memory_order_acquire) > w->but) {
        timer_after(loop_at(0), &w->timer, 2 * CLOCK_MS, look, w);
        return;
    }
    w->quiet(w->arg);
    mem_free(w);
}

void service_when_quiet(struct service *s, int64_t but, void (*quiet)(void *), void *arg)
{
    struct waiting *w = mem_zero(sizeof *w);
    *w = (struct waiting){.service = s, .but = but, .quiet = quiet, .arg = arg};
    if (!s->leaving_ns)
        s->leaving_ns = clock_now_ns();
    timer_after(loop_at(0), &w->timer, 0, look, w);
}

struct retiring {
    struct service *service;
    void (*gone)(void *);
    void *arg;
};

static void on_quiet(void *arg)
{
    struct retiring *r = arg;
    service_destroy(r->service);
    if (r->gone)
        r->gone(r->arg);
    mem_free(r);
}

void service_retire(struct service *s, void (*gone)(void *), void *arg)
{
    struct retiring *r = mem_zero(sizeof *r);
    *r = (struct retiring){.service = s, .gone = gone, .arg = arg};
    service_when_quiet(s, 0, on_quiet, r);
}

/* --------------------------------------------------------------------------------------- views */
trb_code view_create(struct service *s, struct instance *i, struct trb_instance **ret_view, struct trb_error *err)
{
    struct trb_error why = ERROR_INIT;
    struct trb_instance *v = mem_zero(sizeof *v);
    *v = (struct trb_instance){.magic = VIEW_MAGIC, .instance = i, .service = s};
    v->data = s->block->component_up ? s->block->component_up(s->self, v, &why) : NULL;
    if (why.code) {
        mem_free(v);
        *err = why;
        return why.code;
    }
    pin(&s->owner);
    pthread_mutex_lock(&s->views_lock);
    list_append(&s->views, &v->link);
    pthread_mutex_unlock(&s->views_lock);
    *ret_view = v;
    return TRB_OK;
}

struct service *service_of_owner(struct request_owner *o)
{
    return o && o->pin == pin ? checked(o, struct service, SERVICE_MAGIC) : NULL;
}

struct trb_instance *service_view(struct service *s, const struct trb_instance *view)
{
    struct trb_instance *own = NULL;
    pthread_mutex_lock(&s->views_lock);
    list_each(node, &s->views) {
        struct trb_instance *v = list_item(node, struct trb_instance, link);
        if (v->instance == view->instance)
            own = v;
    }
    pthread_mutex_unlock(&s->views_lock);
    return own;
}

struct trb_instance *view_destroy(struct trb_instance *v)
{
    if (!v)
        return NULL;
    checked(v, struct trb_instance, VIEW_MAGIC);
    pthread_mutex_lock(&v->service->views_lock);
    list_remove(&v->link);
    pthread_mutex_unlock(&v->service->views_lock);
    if (v->service->block->component_down)
        v->service->block->component_down(v->service->self, v, v->data);
    unpin(&v->service->owner);
    v->magic = 0;
    return mem_free(v);
}

/* ------------------------------------------------------------------------------- struct trb_kernel */
static void task(const struct trb_kernel *k, void *self, int32_t home, struct trb_next first, void *arg)
{
    request_task_post(&service_of(self)->owner, home, first, arg);
}

static void lock(void *self)
{
    pthread_mutex_lock(&service_of(self)->lock);
}

static void unlock(void *self)
{
    pthread_mutex_unlock(&service_of(self)->lock);
}

void service_kernel_fill(struct trb_kernel *k)
{
    k->task = task;
    k->lock = lock;
    k->unlock = unlock;
}
