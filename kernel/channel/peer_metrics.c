/* peer_metrics: series are kept per thread by the other side and the status. */
#include <base/map.h>
#include <base/slice.h>
#include <channel/peer_metrics.h>
#include <observe/metrics.h>
#include <stdio.h>

#define ID 64u
#define KEPT 32u

struct series {
    char they[ID + 1];
    int32_t status;
    bool is_streaming;
    struct trb_metric *first, *second;
};
struct shelf {
    struct series kept[KEPT];
};

static struct series *slot(struct shelf *shelf, struct trb_slice they, int32_t status)
{
    return &shelf->kept[(hash_bytes(they) ^ (uint32_t)status) % KEPT];
}

static bool fits(const struct series *s, struct trb_slice they, int32_t status)
{
    return s->first && s->status == status && slice_is(slice_of(s->they), they);
}

static struct trb_slice label(struct trb_slice they)
{
    return they.len ? slice_cut(they, ID) : SLICE("unknown");
}

static struct trb_name type_of(bool is_streaming)
{
    return is_streaming ? NAME("streaming") : NAME("unary");
}

/* A longer id than any app has is cut: it names no app anyway. */
static void note(struct series *s, struct trb_slice they, int32_t status)
{
    snprintf(s->they, sizeof s->they, "%.*s", SLICE_ARG(they));
    s->status = status;
}

void peer_metrics_asked(struct trb_name we, struct trb_slice they, bool is_streaming)
{
    static _Thread_local struct shelf shelf;
    if (!metrics_are_on())
        return;
    they = label(they);
    struct series *s = slot(&shelf, they, is_streaming);
    if (!fits(s, they, is_streaming)) {
        note(s, they, is_streaming);
        struct trb_pair pairs[] = {{NAME("app_id"), we}, {NAME("dst_app_id"), name_of(s->they)},
                                   {NAME("type"), type_of(is_streaming)}};
        struct trb_pairs labels = {pairs, 3, sizeof pairs[0]};
        s->first = metric_get("dapr_runtime_service_invocation_req_sent_total", &labels);
    }
    metric_add(s->first, 1);
}

void peer_metrics_was_answered(struct trb_name we, struct trb_slice they, int32_t status, bool is_streaming,
                               uint64_t took_ns)
{
    static _Thread_local struct shelf shelf;
    if (!metrics_are_on())
        return;
    they = label(they);
    struct series *s = slot(&shelf, they, status);
    if (!fits(s, they, status) || s->is_streaming != is_streaming) {
        char text[12];
        note(s, they, status);
        s->is_streaming = is_streaming;
        snprintf(text, sizeof text, "%d", status);
        struct trb_pair pairs[] = {{NAME("app_id"), we}, {NAME("src_app_id"), name_of(s->they)},
                                   {NAME("status"), name_of(text)}, {NAME("type"), type_of(is_streaming)}};
        struct trb_pairs all = {pairs, 4, sizeof pairs[0]}, three = {pairs, 3, sizeof pairs[0]};
        s->first = metric_get("dapr_runtime_service_invocation_res_recv_total", &all);
        s->second = metric_get("dapr_runtime_service_invocation_res_recv_latency_ms", &three);
    }
    metric_add(s->first, 1);
    metric_add(s->second, (double)took_ns / 1e6);
}

void peer_metrics_was_asked(struct trb_name we, struct trb_slice they)
{
    static _Thread_local struct shelf shelf;
    if (!metrics_are_on())
        return;
    they = label(they);
    struct series *s = slot(&shelf, they, 0);
    if (!fits(s, they, 0)) {
        note(s, they, 0);
        struct trb_pair pairs[] = {{NAME("app_id"), we}, {NAME("src_app_id"), name_of(s->they)}};
        struct trb_pairs labels = {pairs, 2, sizeof pairs[0]};
        s->first = metric_get("dapr_runtime_service_invocation_req_recv_total", &labels);
    }
    metric_add(s->first, 1);
}

void peer_metrics_answered(struct trb_name we, struct trb_slice they, int32_t status)
{
    static _Thread_local struct shelf shelf;
    if (!metrics_are_on())
        return;
    they = label(they);
    struct series *s = slot(&shelf, they, status);
    if (!fits(s, they, status)) {
        char text[12];
        note(s, they, status);
        snprintf(text, sizeof text, "%d", status);
        struct trb_pair pairs[] = {{NAME("app_id"), we}, {NAME("dst_app_id"), name_of(s->they)},
                                   {NAME("status"), name_of(text)}};
        struct trb_pairs labels = {pairs, 3, sizeof pairs[0]};
        s->first = metric_get("dapr_runtime_service_invocation_res_sent_total", &labels);
    }
    metric_add(s->first, 1);
}
