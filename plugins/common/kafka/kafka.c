/* kafka: see kafka.h. A producer, looks at the cluster, and the end of it all. components.md 2.6
 *
 * Not here yet: Avro and its schema registry, AWS IAM, private_key_jwt. */
#include "kafka.h"
#include <base/clock.h>
#include <base/slice.h>
#include <signal.h>
#include <stdlib.h>

/* --------------------------------------------------------------------------------------- starting */
void kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    struct kafka *k = rd_kafka_opaque(rk);
    trb_log(k->host, k->origin, level <= 3 ? TRB_LOG_WARN : TRB_LOG_DEBUG, "%s: %s", facility, text);
}

/* Everything that waits to be polled for goes to the thread that calls produce_event. */
static void forward_events(rd_kafka_t *rk)
{
    rd_kafka_queue_t *from = rd_kafka_queue_get_main(rk), *to = rd_kafka_queue_get_background(rk);
    rd_kafka_queue_forward(from, to);
    rd_kafka_queue_destroy(from);
    rd_kafka_queue_destroy(to);
}

static trb_code producer_create(struct kafka *k, struct trb_error *err)
{
    char why[400], words[KAFKA_WORDS];
    rd_kafka_conf_t *conf = NULL;
    trb_code code = kafka_config_create(&k->options, false, &conf, err);
    if (code)
        return code;
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    rd_kafka_conf_set_background_event_cb(conf, produce_event);
    k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (k->producer) {
        forward_events(k->producer);
        kafka_config_serve_tokens(k->producer);
        return TRB_OK;
    }
    rd_kafka_conf_destroy(conf);
    kafka_words(why, words);
    return trb_error(err, TRB_INVALID, "BAD_OPTION", "%s", words);
}

trb_code kafka_unreachable(struct kafka *k, const char *fault, struct trb_error *err)
{
    const char *why = k->trouble[0] ? k->trouble : fault;
    return trb_error(err, TRB_UNAVAILABLE, "BROKERS_DOWN", "no broker of %.150s can be reached%s%s", k->options.brokers,
                     why ? ": " : "", why ? why : "");
}

static trb_code look_failed(struct kafka *k, rd_kafka_resp_err_t fault, struct trb_error *err)
{
    pthread_mutex_lock(&k->lock);
    trb_code code = kafka_unreachable(k, rd_kafka_err2str(fault), err);
    pthread_mutex_unlock(&k->lock);
    return code;
}

static trb_code look(struct kafka *k, struct trb_error *err)
{
    const struct rd_kafka_metadata *m;
    int64_t ms = k->options.metadata_timeout_ns > 0 ? k->options.metadata_timeout_ns / KAFKA_MS : 4000;
    rd_kafka_resp_err_t fault = rd_kafka_metadata(k->producer, 0, NULL, &m, (int)ms);
    if (fault)
        return look_failed(k, fault, err);
    rd_kafka_metadata_destroy(m);
    return TRB_OK;
}

static void create_locks(struct kafka *k)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&k->lock, NULL);
    list_init(&k->subscriptions);
    list_init(&k->parts);
    k->has_lock = true;
}

static trb_code prepare(struct kafka *k, struct trb_error *err)
{
    rd_kafka_conf_t *conf = NULL;
    trb_code code = names_create(k->options.exclude_regex, &k->excluded, err);
    if (!code && !(code = kafka_config_create(&k->options, true, &conf, err)))
        rd_kafka_conf_destroy(conf);
    if (!code)
        code = producer_create(k, err);
    if (!code && k->options.strategy && !slice_is_nocase(slice_of(k->options.strategy), SLICE("range")) &&
        !slice_is_nocase(slice_of(k->options.strategy), SLICE("roundrobin")))
        trb_log(k->host, k->origin, TRB_LOG_WARN, "consumerGroupRebalanceStrategy '%s' is not known here: range is used",
                k->options.strategy);
    return code;
}

/* A thread of its own for what waits for the network; it answers and ends. */
struct errand {
    struct kafka *kafka;
    struct trb_call *call;
    void (*run)(struct kafka *, struct trb_call *);
};

static void *run_errand(void *arg)
{
    struct errand e = *(struct errand *)arg;
    free(arg);
    e.run(e.kafka, e.call);
    return NULL;
}

static void errand(struct kafka *k, struct trb_call *call, void (*run)(struct kafka *, struct trb_call *))
{
    struct errand *e = malloc(sizeof *e);
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, before;
    *e = (struct errand){k, call, run};
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&thread, &detached, run_errand, e))
        run_errand(e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
}

static void answer_look(struct kafka *k, struct trb_call *call)
{
    struct trb_error err = {.size = sizeof err};
    if (look(k, &err))
        call->host->fail(call, &err);
    else
        trb_done(call);
}

void kafka_start(struct kafka *k, struct trb_call *call)
{
    struct trb_error err = {.size = sizeof err};
    k->host = call->host;
    k->origin = call->origin;
    create_locks(k);
    if (prepare(k, &err))
        call->host->fail(call, &err);
    else
        errand(k, call, answer_look);
}

void kafka_ping(void *self, struct trb_call *call, const void *unused)
{
    errand(self, call, answer_look);
}

/* --------------------------------------------------------------------------------------- stopping */
static void close_all(struct kafka *k, struct trb_call *call)
{
    member_end(k);
    if (k->producer) {
        rd_kafka_flush(k->producer, 0);
        rd_kafka_destroy(k->producer);
        k->producer = NULL;
    }
    k->excluded = names_destroy(k->excluded);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
    k->has_lock = false;
    if (k->kind->closed)
        k->kind->closed(k);
    trb_done(call);
}

void kafka_stop(void *self, struct trb_call *call, const void *unused)
{
    struct kafka *k = self;
    if (k->has_lock)
        errand(k, call, close_all);
    else
        trb_done(call);
}
