/* rdkafka_loop: what a plain librdkafka loop can do: one producer, always so many messages in flight, each waited for.
 * The yardstick of the Kafka components.
 *
 *     rdkafka_loop BROKERS SECONDS IN-FLIGHT TOPIC PAYLOAD [NAME=VALUE...]
 *                                         prints messages per second and microseconds of CPU per message
 *
 * All acknowledge, as the components ask by default. Built and run by tests/bench. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long delivered, flying;

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "rdkafka_loop: %s: %s\n", what, why);
    exit(1);
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *unused)
{
    (void)rk;
    (void)unused;
    if (m->err)
        give_up("a message was not delivered", rd_kafka_err2str(m->err));
    delivered++;
    flying--;
}

static void put(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[300];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        give_up("cannot configure", why);
}

static rd_kafka_t *connect_to(const char *brokers, char **more, int count)
{
    char why[300];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    put(conf, "bootstrap.servers", brokers);
    put(conf, "acks", "all");
    for (int i = 0; i < count; i++) {
        char *value = strchr(more[i], '=');
        *value = 0;
        put(conf, more[i], value + 1);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk)
        give_up("cannot start", why);
    return rk;
}

static void run(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *payload, double seconds, long in_flight)
{
    size_t len = strlen(payload);
    double end = now(CLOCK_MONOTONIC) + seconds;
    do {
        for (; flying < in_flight; flying++)
            if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, (void *)(size_t)payload, len, NULL, 0, NULL))
                give_up("cannot produce", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(rk, 1000);
    } while (now(CLOCK_MONOTONIC) < end);
    while (flying)
        rd_kafka_poll(rk, 1000);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    rd_kafka_t *rk = connect_to(argv[1], argv + 6, argc - 6);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[4], NULL);
    run(rk, topic, argv[5], 0, 1);
    run(rk, topic, argv[5], 0.3, atol(argv[3]));
    delivered = 0;
    double began = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    run(rk, topic, argv[5], atof(argv[2]), atol(argv[3]));
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.0f %.3f\n", (double)delivered / (now(CLOCK_MONOTONIC) - began), cpu / (double)delivered * 1e6);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}
