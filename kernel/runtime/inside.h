/* inside: struct runtime, as the sources of this folder share it. Nobody else includes it. */
#ifndef RUNTIME_INSIDE_H
#define RUNTIME_INSIDE_H

#include <base/arena.h>
#include <base/check.h>
#include <config/configuration.h>
#include <config/environment.h>
#include <request/request.h>
#include <runtime/app.h>
#include <runtime/blocks.h>
#include <runtime/components.h>
#include <runtime/names.h>
#include <runtime/reconfigure.h>
#include <runtime/reload.h>
#include <runtime/resources.h>
#include <runtime/runtime.h>
#include <runtime/servers.h>
#include <runtime/shutdown.h>
#include <stdatomic.h>
#include <trilby/block.h>

#define RUNTIME_MAGIC 0x52554e54u
#define SCOPE "dapr.runtime"

struct tls_context;

struct runtime {
    uint32_t magic;
    struct trb_kernel kernel;              /* what blocks hold a pointer to */
    struct trb_runtime_info info;
    struct request_owner owner;            /* of tasks that are the runtime's own */
    struct runtime_setup setup;
    struct environment environment;
    struct configuration *configuration;   /* that it was built from */
    struct configuration *rules;           /* for what can change in place (reconfigure.h): that one, or a later one */
    struct arena *keep;                    /* texts that live as long as the runtime */
    struct resources resources;
    struct reload reload;
    struct blocks blocks;
    struct components components;
    struct names names;
    struct servers servers;
    struct app app;
    struct shutdown shutdown;
    struct text failure;                   /* why it has to end; empty: nothing */
    bool is_started;
    uint32_t sides_owed;                   /* of names and components */
    uint32_t offers_owed;
    void (*offers_done)(struct runtime *);
    struct timer busy;
    _Atomic bool is_ready, is_outbound_ready;
    struct list tls_clients;
    pthread_mutex_t lock;                  /* of tls_clients */
};

static inline struct runtime *runtime_of(const struct trb_kernel *k)
{
    return checked(container_of(k, struct runtime, kernel), struct runtime, RUNTIME_MAGIC);
}

void kernel_table_fill(struct runtime *);
void kernel_table_release(struct runtime *);
void host_address_find(struct runtime *);
uint16_t stable_port(const struct flags *);
/* It cannot go on: everything is drained, then the process ends with that sentence. */
void runtime_fail(struct runtime *, const char *format, ...) TRB_PRINTF(2, 3);
bool runtime_is_stopping(const struct runtime *);
void runtime_ready(struct runtime *);      /* as soon as no block is busy with the app's start */

#endif
