/* refusal: one refusal in its two spellings, the JSON of HTTP and google.rpc.Status of gRPC. */
#include <base/buf.h>
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <base/text.h>
#include <request/refusal.h>
#include <stdlib.h>

#define TYPE_PREFIX "type.googleapis.com/google.rpc."
#define DOMAIN "dapr.io"
#define MAX_METADATA 64u

struct sorted {
    const struct trb_pair *at[MAX_METADATA];
    uint32_t count;
};

static int by_key(const void *a, const void *b)
{
    struct trb_name x = (*(const struct trb_pair *const *)a)->key;
    struct trb_name y = (*(const struct trb_pair *const *)b)->key;
    int order = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static void sort(const struct trb_pairs *pairs, struct sorted *ret_sorted)
{
    ret_sorted->count = pairs->count < MAX_METADATA ? pairs->count : MAX_METADATA;
    for (uint32_t i = 0; i < ret_sorted->count; i++)
        ret_sorted->at[i] = trb_pair_at(pairs, i);
    qsort(ret_sorted->at, ret_sorted->count, sizeof ret_sorted->at[0], by_key);
}

/* ------------------------------------------------------------------------------------- JSON */

static void member(struct text *t, const char *before, struct trb_slice value)
{
    text_adds(t, before);
    text_add_json(t, value.at ? value : SLICE(""), true);
}

static void json_type(struct text *t, const char *name)
{
    text_adds(t, "{\"@type\":\"" TYPE_PREFIX);
    text_adds(t, name);
    text_addc(t, '"');
}

static void json_violation(struct text *t, const struct trb_refusal *r)
{
    json_type(t, "BadRequest");
    text_adds(t, ",\"field_violations\":[{");
    if (!r->violation_without_field) {
        member(t, "\"field\":", r->field);
        text_addc(t, ',');
    }
    member(t, "\"description\":", r->field_description);
    text_adds(t, "}]},");
}

static void json_help(struct text *t, const struct trb_refusal *r)
{
    json_type(t, "Help");
    member(t, ",\"links\":[{\"description\":", r->help_description);
    member(t, ",\"url\":", r->help_url);
    text_adds(t, "}]},");
}

static void json_resource(struct text *t, const struct trb_refusal *r)
{
    json_type(t, "ResourceInfo");
    member(t, ",\"description\":", r->resource_description);
    member(t, ",\"owner\":\"\",\"resource_name\":", r->resource_name);
    member(t, ",\"resource_type\":", r->resource_type);
    text_adds(t, "},");
}

static void json_metadata(struct text *t, const struct trb_refusal *r)
{
    struct sorted sorted;
    if (!r->has_metadata) {
        text_adds(t, "null");
        return;
    }
    sort(&r->metadata, &sorted);
    text_addc(t, '{');
    for (uint32_t i = 0; i < sorted.count; i++) {
        member(t, i ? "," : "", slice_name(sorted.at[i]->key));
        member(t, ":", slice_name(sorted.at[i]->value));
    }
    text_addc(t, '}');
}

static void json_info(struct text *t, const struct trb_refusal *r)
{
    json_type(t, "ErrorInfo");
    text_adds(t, ",\"domain\":\"" DOMAIN "\",\"metadata\":");
    json_metadata(t, r);
    member(t, ",\"reason\":", slice_of(r->row->reason));
    text_addc(t, '}');
}

struct trb_buf *refusal_json(const struct trb_refusal *r)
{
    struct text t = {0};
    member(&t, "{\"errorCode\":", slice_of(r->row->code));
    member(&t, ",\"message\":", r->message);
    if (r->row->reason) {
        text_adds(&t, ",\"details\":[");
        if (r->has_violation)
            json_violation(&t, r);
        if (r->has_help)
            json_help(&t, r);
        if (r->has_resource)
            json_resource(&t, r);
        json_info(&t, r);
        text_addc(&t, ']');
    }
    text_adds(&t, r->final_newline ? "}\n" : "}");
    return text_to_buf(&t);
}

/* --------------------------------------------------------------------------------- protobuf */

static void varint(struct text *t, uint64_t value)
{
    for (; value > 127; value >>= 7)
        text_addc(t, (char)(value | 128));
    text_addc(t, (char)value);
}

static void bytes(struct text *t, uint32_t field, struct trb_slice value)
{
    varint(t, field << 3 | 2);
    varint(t, value.len);
    text_add(t, value);
}

static void string(struct text *t, uint32_t field, struct trb_slice value)
{
    if (value.len)
        bytes(t, field, value);
}

/* A message inside: filled by the caller, then closed into its parent and emptied. */
static void nest(struct text *t, uint32_t field, struct text *inner)
{
    bytes(t, field, text_slice(inner));
    text_fini(inner);
}

static void any(struct text *status, const char *name, struct text *detail)
{
    struct text box = {0}, type = {0};
    text_adds(&type, TYPE_PREFIX);
    text_adds(&type, name);
    nest(&box, 1, &type);
    nest(&box, 2, detail);
    nest(status, 3, &box);
}

static void proto_violation(struct text *status, const struct trb_refusal *r)
{
    struct text detail = {0}, violation = {0};
    if (!r->violation_without_field)
        string(&violation, 1, r->field);
    string(&violation, 2, r->field_description);
    nest(&detail, 1, &violation);
    any(status, "BadRequest", &detail);
}

static void proto_help(struct text *status, const struct trb_refusal *r)
{
    struct text detail = {0}, link = {0};
    string(&link, 1, r->help_description);
    string(&link, 2, r->help_url);
    nest(&detail, 1, &link);
    any(status, "Help", &detail);
}

static void proto_resource(struct text *status, const struct trb_refusal *r)
{
    struct text detail = {0};
    string(&detail, 1, r->resource_type);
    string(&detail, 2, r->resource_name);
    string(&detail, 4, r->resource_description);
    any(status, "ResourceInfo", &detail);
}

static void proto_info(struct text *status, const char *reason, const struct trb_pairs *metadata)
{
    struct text detail = {0};
    struct sorted sorted;
    sort(metadata, &sorted);
    string(&detail, 1, slice_of(reason));
    string(&detail, 2, SLICE(DOMAIN));
    for (uint32_t i = 0; i < sorted.count; i++) {
        struct text entry = {0};
        string(&entry, 1, slice_name(sorted.at[i]->key));
        string(&entry, 2, slice_name(sorted.at[i]->value));
        nest(&detail, 3, &entry);
    }
    any(status, "ErrorInfo", &detail);
}

static void proto_head(struct text *status, trb_code code, struct trb_slice message)
{
    if (code) {
        varint(status, 1 << 3);
        varint(status, (uint64_t)code);
    }
    string(status, 2, message);
}

/* What stands in ErrorInfo over gRPC; NULL: the error is plain. */
static const char *grpc_reason(const struct trb_error_row *row)
{
    const char *own = TRB_KNOWS(row, grpc_reason) ? row->grpc_reason : NULL;
    const char *reason = own ? own : row->reason;
    return reason && *reason ? reason : NULL;
}

struct trb_buf *refusal_status(const struct trb_refusal *r)
{
    struct text status = {0};
    if (!grpc_reason(r->row))
        return NULL;
    proto_head(&status, r->row->grpc, r->message);
    if (r->has_violation)
        proto_violation(&status, r);
    if (r->has_help)
        proto_help(&status, r);
    if (r->has_resource)
        proto_resource(&status, r);
    proto_info(&status, grpc_reason(r->row), &r->metadata);
    return text_to_buf(&status);
}

void refusal_text_to_error(trb_code code, struct trb_slice message, struct trb_error *err)
{
    *err = (struct trb_error)ERROR_INIT;
    error_set(err, code, "", "%.*s", SLICE_ARG(message));
    if (message.len >= sizeof err->message && !err->text)
        err->text = buf_copy(message);
}

void refusal_to_error(const struct trb_refusal *r, struct trb_error *ret_error)
{
    refusal_text_to_error(r->row->grpc, r->message, ret_error);
    ret_error->details = refusal_status(r);
}

void refusal_info_to_error(trb_code code, const char *message, const struct refusal_info *info,
                           struct trb_error *ret_error)
{
    struct text status = {0};
    refusal_text_to_error(code, slice_of(message), ret_error);
    proto_head(&status, code, slice_of(message));
    proto_info(&status, info->reason, &info->metadata);
    ret_error->details = text_to_buf(&status);
}
