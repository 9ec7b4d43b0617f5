/* listing: the objects of the bucket, as the JSON form of Amazon's library for Go. */
#include "s3.h"
#include <aws/xml.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>

#define MOST 1000

struct question {
    struct trb_slice marker, prefix, delimiter;
    uint64_t most;
};

static bool read_question(struct s3_job *j, struct question *q, struct trb_error *err)
{
    struct json_value top, v;
    struct json_fault fault;
    struct trb_slice data = slice_from(j->question->data.at, j->question->data.len);
    struct trb_slice *texts[] = {&q->marker, &q->prefix, &q->delimiter};
    static const char *const names[] = {"marker", "prefix", "delimiter"};
    q->most = MOST;
    if (!slice_trim(data).len)
        return true;
    if (!json_parse(data, &top, &fault))
        return trb_error(err, TRB_INVALID, "BAD_DATA", "the data of list are not JSON: %s", fault.message), false;
    if (top.kind == JSON_NULL)
        return true;
    if (top.kind != JSON_OBJECT)
        return trb_error(err, TRB_INVALID, "BAD_DATA", "the data of list are a JSON %s, not an object", json_kind_name(top)), false;
    for (size_t n = 0; n < 3; n++)
        if ((v = json_find_nocase(top, slice_of(names[n]))).kind == JSON_STRING)
            *texts[n] = json_text(j->arena, v);
    v = json_find_nocase(top, SLICE("maxResults"));
    if (v.kind == JSON_NUMBER && !slice_to_u64(v.raw, &q->most))
        return trb_error(err, TRB_INVALID, "BAD_DATA", "maxResults of list is no number of objects"), false;
    q->most = q->most ? q->most : MOST;
    return true;
}

/* ----------------------------------------------------------------------------------------- rendering */
/* How a field is written: as a text, a number, a truth, a time. */
struct field {
    const char *name, *form;            /* "t" text, "n" number, "b" truth, "d" time */
};

static void add_value(struct text *t, const struct field *f, struct trb_slice value)
{
    int64_t wall;
    char time[CLOCK_TEXT];
    text_addf(t, "%s\"%s\":", t->at[t->len - 1] == '{' ? "" : ",", f->name);
    if (!value.at)
        text_adds(t, "null");
    else if (*f->form == 'n' || *f->form == 'b')
        text_add(t, value);
    else if (*f->form == 'd' && clock_parse_rfc3339(value, &wall)) {
        clock_rfc3339_nano(wall, time);
        text_addf(t, "\"%s\"", time);
    } else
        text_add_json(t, value, true);
}

static bool is_plain(const struct field *f, struct trb_slice value)
{
    uint64_t number;
    bool is_truth = slice_is(value, SLICE("true")) || slice_is(value, SLICE("false"));
    return *f->form == 'n' ? slice_to_u64(value, &number) : *f->form == 'b' ? is_truth : true;
}

static const struct field object_fields[] = {{"ETag", "t"}, {"Key", "t"}, {"LastModified", "d"}, {"Size", "n"}, {"StorageClass", "t"}};
static const struct field top_fields[] = {{"Delimiter", "t"}, {"EncodingType", "t"}, {"IsTruncated", "b"}, {"Marker", "t"},
                                          {"MaxKeys", "n"}, {"Name", "t"}, {"NextMarker", "t"}, {"Prefix", "t"}};

struct gather {
    struct arena *arena;
    struct text contents, prefixes;
    struct trb_slice top[8], object[5], prefix, owner_id, owner_name;
};

static void keep(struct gather *g, const struct field *fields, size_t count, struct trb_slice *to, struct trb_slice name,
                 struct trb_slice raw)
{
    for (size_t n = 0; n < count; n++) {
        struct trb_slice text = slice_is(name, slice_of(fields[n].name)) ? xml_text(g->arena, raw) : (struct trb_slice){NULL, 0};
        if (text.at && is_plain(&fields[n], text))
            to[n] = text;
    }
}

static void end_object(struct gather *g)
{
    struct text *t = &g->contents;
    static const struct field name = {"DisplayName", "t"}, id = {"ID", "t"};
    text_adds(t, t->len ? ",{" : "{");
    for (size_t n = 0; n < 5; n++) {
        if (n == 3) {                   /* in the order of the names */
            text_adds(t, g->owner_id.at ? ",\"Owner\":{" : ",\"Owner\":null");
            if (g->owner_id.at) {
                add_value(t, &name, g->owner_name);
                add_value(t, &id, g->owner_id);
                text_addc(t, '}');
            }
        }
        add_value(t, &object_fields[n], g->object[n]);
    }
    text_addc(t, '}');
    memset(g->object, 0, sizeof g->object);
    g->owner_id = g->owner_name = (struct trb_slice){NULL, 0};
}

static void end_prefix(struct gather *g)
{
    text_adds(&g->prefixes, g->prefixes.len ? ",{" : "{");
    add_value(&g->prefixes, &(struct field){"Prefix", "t"}, g->prefix);
    text_addc(&g->prefixes, '}');
}

static void on_text(struct gather *g, const struct xml *x, struct trb_slice raw)
{
    struct trb_slice name = x->open[x->depth - 1], parent = x->depth > 1 ? x->open[x->depth - 2] : SLICE("");
    if (slice_is(parent, SLICE("Contents")))
        keep(g, object_fields, 5, g->object, name, raw);
    else if (slice_is(parent, SLICE("Owner")) && slice_is(name, SLICE("ID")))
        g->owner_id = xml_text(g->arena, raw);
    else if (slice_is(parent, SLICE("Owner")) && slice_is(name, SLICE("DisplayName")))
        g->owner_name = xml_text(g->arena, raw);
    else if (slice_is(parent, SLICE("CommonPrefixes")))
        g->prefix = xml_text(g->arena, raw);
    else if (x->depth == 2)
        keep(g, top_fields, 8, g->top, name, raw);
}

static bool read_listing(struct gather *g, struct trb_slice body)
{
    struct xml x;
    struct xml_token t;
    bool is_one = false;
    xml_begin(&x, body);
    while (xml_next(&x, &t)) {
        is_one = is_one || (t.kind == XML_OPEN && slice_is(t.raw, SLICE("ListBucketResult")));
        if (t.kind == XML_TEXT)
            on_text(g, &x, t.raw);
        else if (t.kind == XML_CLOSE && x.depth == 1 && slice_is(t.raw, SLICE("Contents")))
            end_object(g);
        else if (t.kind == XML_CLOSE && x.depth == 1 && slice_is(t.raw, SLICE("CommonPrefixes")))
            end_prefix(g);
    }
    return is_one && !x.is_broken;
}

static void heard(struct s3_item *i, const struct http_answer *a)
{
    struct gather g = {.arena = i->job->arena};
    if (a->status != 200) {
        answer_refused(i, a);
    } else if (!read_listing(&g, a->body)) {
        trb_error(&i->err, TRB_INTERNAL, "BAD_ANSWER", "the answer of s3 is no listing");
    } else {
        text_adds(&i->text, "{\"CommonPrefixes\":");
        text_addf(&i->text, g.prefixes.len ? "[%s]" : "null", g.prefixes.at);
        text_adds(&i->text, ",\"Contents\":");
        text_addf(&i->text, g.contents.len ? "[%s]" : "null", g.contents.at);
        for (size_t n = 0; n < 8; n++)
            add_value(&i->text, &top_fields[n], g.top[n]);
        text_addc(&i->text, '}');
    }
    text_fini(&g.contents);
    text_fini(&g.prefixes);
}

/* --------------------------------------------------------------------------------------- the operation */
static bool send(struct s3_item *i)
{
    item_ask(i, &(struct http_request){.url = i->location.at});
    return true;
}

static void render(struct s3_job *j)
{
    if (j->items[0].err.code)
        job_fail(j, &j->items[0].err);
    else
        job_answer(j, &j->items[0].text, NULL);
}

static void add_parameter(struct text *url, const char *name, struct trb_slice value)
{
    if (!value.len)
        return;
    text_addf(url, "&%s=", name);
    text_add_escaped(url, value, "-_.~");
}

void op_list(struct s3_job *j)
{
    struct question q = {0};
    struct trb_error err = {.size = sizeof err};
    if (!read_question(j, &q, &err)) {
        job_refuse(j, &err);
        return;
    }
    job_items(j, 1);
    struct text *url = &j->items[0].location;
    text_addf(url, "%s?max-keys=%llu", j->s3->base.at, (unsigned long long)q.most);
    add_parameter(url, "delimiter", q.delimiter);
    add_parameter(url, "marker", q.marker);
    add_parameter(url, "prefix", q.prefix);
    j->send = send;
    j->heard = heard;
    j->render = render;
    job_run(j);
}
