/* kernel_table: struct trb_kernel: each layer fills in its part, and the runtime its own: what the
 * process knows about itself. */
#include <base/codec.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/channel.h>
#include <net/tls.h>
#include <observe/metrics.h>
#include <plugin/call.h>
#include <policy/ask.h>
#include <runtime/inside.h>

static uint32_t resource_count(const struct trb_kernel *k, uint32_t kind)
{
    return kind < RESOURCE_DOCUMENTS ? documents_count(&runtime_of(k)->resources.of[kind]) : 0;
}

static struct trb_slice resource_document(const struct trb_kernel *k, uint32_t kind, uint32_t i)
{
    return kind < RESOURCE_DOCUMENTS ? documents_at(&runtime_of(k)->resources.of[kind], i)
                                     : (struct trb_slice){NULL, 0};
}

/* -------------------------------------------------------------------------------------- health */
static uint32_t is_ready(const struct trb_kernel *k, char *ret_pending, size_t size)
{
    struct runtime *rt = runtime_of(k);
    if (atomic_load_explicit(&rt->is_ready, memory_order_relaxed))
        return 1;
    const char *busy = rt->is_outbound_ready ? blocks_busy(rt) : NULL;
    snprintf(ret_pending, size, "[%s]", busy ? busy : "runtime");
    return 0;
}

static uint32_t is_outbound_ready(const struct trb_kernel *k)
{
    return atomic_load_explicit(&runtime_of(k)->is_outbound_ready, memory_order_relaxed);
}

static uint32_t is_app_healthy(const struct trb_kernel *k)
{
    return channel_is_app_healthy();
}

/* ------------------------------------------------------------------------------------ shutting down */
static void stop_here(void *arg)
{
    log_info(SCOPE, "Shutdown requested via API");
    runtime_stop(arg, true);
}

static void force_here(void *arg)
{
    shutdown_force(arg);
}

static void shutdown(const struct trb_kernel *k, uint32_t force)
{
    loop_call(loop_at(0), force ? force_here : stop_here, runtime_of(k));
}

/* ----------------------------------------------------------------------------------------- TLS */
/* Endpoints are read again whenever one of them changes: the same material is the same context. */
struct tls_client {
    struct list link;
    struct tls_context *context;
    uint8_t print[32];
};

static void print_material(const struct tls_setup *setup, uint8_t ret_print[32])
{
    const struct trb_slice parts[] = {setup->ca_pem, setup->certificate_pem, setup->key_pem};
    struct text all = {0};
    for (size_t i = 0; i < countof(parts); i++) {
        text_addf(&all, "%zu:", parts[i].len);
        text_add(&all, parts[i]);
    }
    sha256(text_slice(&all), ret_print);
    mem_wipe(all.at, all.len);
    text_fini(&all);
}

static struct tls_context *find_context(struct runtime *rt, const uint8_t print[32])
{
    struct tls_context *found = NULL;
    pthread_mutex_lock(&rt->lock);
    list_each(node, &rt->tls_clients)
        if (!memcmp(list_item(node, struct tls_client, link)->print, print, 32))
            found = list_item(node, struct tls_client, link)->context;
    pthread_mutex_unlock(&rt->lock);
    return found;
}

static const void *tls_client(const struct trb_kernel *k, struct trb_slice ca_pem, struct trb_slice cert_pem,
                              struct trb_slice key_pem, struct trb_error *err)
{
    struct runtime *rt = runtime_of(k);
    struct tls_setup setup = {.ca_pem = ca_pem, .certificate_pem = cert_pem, .key_pem = key_pem, .verify_peer = true};
    uint8_t print[32];
    print_material(&setup, print);
    struct tls_context *context = find_context(rt, print);
    if (context || tls_context_create(&setup, &context, err))
        return context;
    struct tls_client *c = mem_zero(sizeof *c);
    c->context = context;
    memcpy(c->print, print, sizeof print);
    pthread_mutex_lock(&rt->lock);
    list_append(&rt->tls_clients, &c->link);
    pthread_mutex_unlock(&rt->lock);
    return context;
}

void kernel_table_release(struct runtime *rt)
{
    struct list *node;
    while ((node = list_take(&rt->tls_clients))) {
        struct tls_client *c = list_item(node, struct tls_client, link);
        tls_context_unref(c->context);
        mem_free(c);
    }
}

/* ----------------------------------------------------------------------------------- observing */
static void write_log(uint32_t level, const char *scope, const char *text)
{
    log_write(level <= LOG_ERROR ? level : LOG_ERROR, scope, "%s", text);
}

static struct trb_metric *metric(const struct trb_kernel *k, const char *name, const struct trb_pairs *labels)
{
    return metric_get(name, labels);
}

static const void *extension(const struct trb_kernel *k, const char *id)
{
    return blocks_extension(runtime_of(k), id);
}

void kernel_table_fill(struct runtime *rt)
{
    struct trb_kernel *k = &rt->kernel;
    *k = (struct trb_kernel){
        .size = sizeof *k, .block_abi = TRB_BLOCK_ABI, .host = &host_table, .info = &rt->info,
        .resource_count = resource_count, .resource_document = resource_document, .is_ready = is_ready,
        .is_outbound_ready = is_outbound_ready, .is_app_healthy = is_app_healthy, .shutdown = shutdown,
        .tls_client = tls_client, .log = write_log, .metric = metric, .metric_add = metric_add,
        .extension = extension};
    request_kernel_fill(k);
    ask_kernel_fill(k);
    channel_kernel_fill(k);
    service_kernel_fill(k);
    list_init(&rt->tls_clients);
}
