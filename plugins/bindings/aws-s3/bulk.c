/* bulk: several objects in one operation. Each has its own outcome: [{"key":…,"data":…},{"key":…,"error":…}] */
#include "s3.h"
#include <aws/xml.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <openssl/evp.h>

#define USUAL_AT_ONCE 10
#define MOST_AT_ONCE 100
#define BATCH 1000u

/* The data as a JSON object, or the job is refused. */
static bool read_object(struct s3_job *j, const char *operation, struct json_value *ret)
{
    struct trb_error err = {.size = sizeof err};
    struct json_fault fault;
    if (!json_parse(slice_from(j->question->data.at ? j->question->data.at : "", j->question->data.len), ret, &fault))
        trb_error(&err, TRB_INVALID, "BAD_DATA", "the data of %s are not JSON: %s", operation, fault.message);
    else if (ret->kind != JSON_OBJECT)
        trb_error(&err, TRB_INVALID, "BAD_DATA", "the data of %s are a JSON %s, not an object", operation, json_kind_name(*ret));
    if (err.code)
        job_refuse(j, &err);
    return !err.code;
}

static struct trb_slice text_at(struct s3_job *j, struct json_value object, const char *name)
{
    struct json_value v = object.kind == JSON_OBJECT ? json_find_nocase(object, slice_of(name)) : (struct json_value){0};
    return v.kind == JSON_STRING ? json_text(j->arena, v) : (struct trb_slice){NULL, 0};
}

/* An item's data: a text is what it says, anything else is its JSON. */
static struct trb_slice data_at(struct s3_job *j, struct json_value object)
{
    struct json_value v = object.kind == JSON_OBJECT ? json_find_nocase(object, SLICE("data")) : (struct json_value){0};
    return v.kind == JSON_STRING ? json_text(j->arena, v) : v.kind == JSON_NONE || v.kind == JSON_NULL ? SLICE("") : v.raw;
}

static bool read_items(struct s3_job *j, const char *operation)
{
    struct json_value top, list, entry, number;
    struct trb_error err = {.size = sizeof err};
    uint64_t at_once = USUAL_AT_ONCE;
    if (!read_object(j, operation, &top))
        return false;
    list = json_find_nocase(top, SLICE("items"));
    number = json_find_nocase(top, SLICE("concurrency"));
    if (number.kind == JSON_NUMBER && (!slice_to_u64(number.raw, &at_once) || !at_once))
        at_once = USUAL_AT_ONCE;
    if (list.kind != JSON_ARRAY || !json_count(list)) {
        trb_error(&err, TRB_INVALID, "BAD_DATA", "%s needs items, a list of objects with a key", operation);
        job_refuse(j, &err);
        return false;
    }
    job_items(j, json_count(list));
    j->limit = (uint32_t)(at_once < MOST_AT_ONCE ? at_once : MOST_AT_ONCE);
    j->is_bulk = true;
    struct json_cursor c = json_enter(list);
    for (uint32_t n = 0; json_next(&c, &entry); n++) {
        struct s3_item *i = &j->items[n];
        i->key = text_at(j, entry, "key");
        i->content_type = text_at(j, entry, "contentType");
        i->file_path = text_at(j, entry, "filePath");
        i->data = data_at(j, entry);
    }
    return true;
}

static bool has_key(struct s3_item *i)
{
    if (i->key.len)
        return true;
    trb_error(&i->err, TRB_INVALID, "NO_KEY", "the item has no key");
    return false;
}

/* ----------------------------------------------------------------------------------------- rendering */
static void add_text(struct text *t, const char *name, struct trb_slice value)
{
    text_addf(t, ",\"%s\":", name);
    text_add_json(t, value, true);
}

static void render(struct s3_job *j)
{
    struct text json = {0};
    struct trb_error err = {.size = sizeof err};
    if (j->is_cancelled) {
        trb_error(&err, TRB_CANCELLED, "CANCELLED", "the operation was cancelled; what had been sent may have been carried out");
        job_fail(j, &err);
        return;
    }
    for (uint32_t n = 0; n < j->count; n++) {
        struct s3_item *i = &j->items[n];
        text_adds(&json, n ? ",{\"key\":" : "[{\"key\":");
        text_add_json(&json, i->key, true);
        if (i->err.code)
            add_text(&json, "error", slice_of(i->err.message));
        else if (i->location.len)
            add_text(&json, "location", text_slice(&i->location));
        else if (i->body.at)
            add_text(&json, "data", slice_from(i->body.at, i->body.len));
        else if (i->text.at)
            add_text(&json, "data", text_slice(&i->text));
        text_addc(&json, '}');
    }
    text_addc(&json, ']');
    job_answer(j, &json, NULL);
}

/* ---------------------------------------------------------------------------------------- get, create */
static bool get_one(struct s3_item *i)
{
    return has_key(i) && object_get(i);
}

static bool create_one(struct s3_item *i)
{
    return has_key(i) && object_create(i);
}

void op_bulk_get(struct s3_job *j)
{
    if (!read_items(j, "bulkGet"))
        return;
    j->send = get_one;
    j->heard = object_got;
    j->render = render;
    job_run(j);
}

void op_bulk_create(struct s3_job *j)
{
    if (!read_items(j, "bulkCreate"))
        return;
    j->send = create_one;
    j->heard = object_created;
    j->render = render;
    job_run(j);
}

/* -------------------------------------------------------------------------------------------- delete */
/* The first item of a batch carries its request, the others wait for its answer. */
static uint32_t batch_of(const struct s3_item *i)
{
    uint32_t left = i->job->count - (uint32_t)(i - i->job->items);
    return left < BATCH ? left : BATCH;
}

static void add_xml(struct text *t, struct trb_slice key)
{
    for (size_t n = 0; n < key.len; n++) {
        char c = key.at[n];
        if (c == '<' || c == '>' || c == '&' || c == '"' || (unsigned char)c < ' ')
            text_addf(t, "&#%d;", c);
        else
            text_addc(t, c);
    }
}

static void send_batch(struct s3_item *i)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char coded[64];
    unsigned int len = 0;
    struct text url = {0};
    text_adds(&i->text, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (uint32_t n = 0; n < batch_of(i); n++)
        if (i[n].key.len) {
            text_adds(&i->text, "<Object><Key>");
            add_xml(&i->text, i[n].key);
            text_adds(&i->text, "</Key></Object>");
        }
    text_adds(&i->text, "<Quiet>true</Quiet></Delete>");
    EVP_Digest(i->text.at, i->text.len, digest, &len, EVP_md5(), NULL);
    coded[base64_encode(slice_from((char *)digest, len), true, coded)] = 0;
    struct trb_pair headers[] = {{NAME("Content-Type"), NAME("application/xml")}, {NAME("Content-MD5"), name_of(coded)}};
    text_addf(&url, "%s?delete", i->job->s3->base.at);
    item_ask(i, &(struct http_request){.method = "POST", .url = url.at, .body = text_slice(&i->text),
                                       .headers = {headers, 2, sizeof *headers}, .repeatable = true});
    text_fini(&url);
}

static bool delete_one(struct s3_item *i)
{
    uint32_t at = (uint32_t)(i - i->job->items);
    if (at % BATCH)
        return false;
    send_batch(i);
    return true;
}

static void note_error(struct s3_item *first, uint32_t count, struct trb_slice key, struct trb_slice code, struct trb_slice said)
{
    for (uint32_t n = 0; n < count; n++)
        if (slice_is(first[n].key, key))
            trb_error(&first[n].err, TRB_UNKNOWN, "S3_REFUSED", "%.*s: %.*s", SLICE_ARG(code), SLICE_ARG(said));
}

static bool read_errors(struct s3_item *first, uint32_t count, struct trb_slice body)
{
    struct xml x;
    struct xml_token t;
    struct trb_slice key = SLICE(""), code = SLICE(""), said = SLICE("");
    struct arena *arena = first->job->arena;
    xml_begin(&x, body);
    while (xml_next(&x, &t)) {
        struct trb_slice name = x.depth ? x.open[x.depth - 1] : SLICE("");
        if (t.kind == XML_TEXT && slice_is(name, SLICE("Key")))
            key = xml_text(arena, t.raw);
        else if (t.kind == XML_TEXT && slice_is(name, SLICE("Code")))
            code = xml_text(arena, t.raw);
        else if (t.kind == XML_TEXT && slice_is(name, SLICE("Message")))
            said = xml_text(arena, t.raw);
        else if (t.kind == XML_CLOSE && slice_is(t.raw, SLICE("Error")))
            note_error(first, count, key, code, said);
    }
    return !x.is_broken;
}

static void batch_deleted(struct s3_item *i, const struct http_answer *a)
{
    if (a->status != 200)
        answer_refused(i, a);
    else if (!(i->is_carried = read_errors(i, batch_of(i), a->body)))
        trb_error(&i->err, TRB_INTERNAL, "BAD_ANSWER", "the answer of s3 is no XML");
}

/* A batch that failed as a whole has failed for each of its keys. */
static void render_deleted(struct s3_job *j)
{
    for (uint32_t n = 0; n < j->count; n++) {
        struct s3_item *i = &j->items[n], *first = &j->items[n - n % BATCH];
        text_fini(&i->text);
        if (first != i && !first->is_carried)
            i->err = first->err;
        if (!i->err.code && !i->key.len)
            has_key(i);
    }
    render(j);
}

void op_bulk_delete(struct s3_job *j)
{
    struct json_value top, list, key;
    struct trb_error err = {.size = sizeof err};
    if (!read_object(j, "bulkDelete", &top))
        return;
    list = json_find_nocase(top, SLICE("keys"));
    if (list.kind != JSON_ARRAY || !json_count(list)) {
        trb_error(&err, TRB_INVALID, "BAD_DATA", "bulkDelete needs keys, a list of names");
        job_refuse(j, &err);
        return;
    }
    job_items(j, json_count(list));
    struct json_cursor c = json_enter(list);
    for (uint32_t n = 0; json_next(&c, &key); n++)
        j->items[n].key = key.kind == JSON_STRING ? json_text(j->arena, key) : SLICE("");
    j->is_bulk = true;
    j->limit = USUAL_AT_ONCE;
    j->send = delete_one;
    j->heard = batch_deleted;
    j->render = render_deleted;
    job_run(j);
}
