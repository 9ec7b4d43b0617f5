/* single: the operations on one object. */
#include "s3.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>

/* metadata.key, which all but create need. */
static bool take_key(struct s3_job *j, const char *operation)
{
    struct trb_error err = {.size = sizeof err};
    job_items(j, 1);
    j->items[0].key = meta(j, "key");
    if (j->items[0].key.len)
        return true;
    trb_error(&err, TRB_INVALID, "NO_KEY", "%s needs metadata key, the name of the object", operation);
    job_refuse(j, &err);
    return false;
}

static bool take_ttl(struct s3_job *j, struct trb_error *err)
{
    struct trb_slice said = meta(j, "presignTTL");
    if (!said.len)
        said = slice_of(j->s3->presign_ttl);
    if (said.len && (!clock_parse_duration(said, &j->presign_ns) || j->presign_ns < 1000000000ll || j->presign_ns > 604800000000000ll))
        return trb_error(err, TRB_INVALID, "BAD_TTL", "presignTTL %.*s is no duration from 1s to 168h", SLICE_ARG(said)), false;
    return true;
}

/* ------------------------------------------------------------------------------------------ create */
static void add_member(struct text *t, const char *name, struct trb_slice value)
{
    text_addf(t, "%s\"%s\":", t->len > 1 ? "," : "", name);
    text_add_json(t, value, true);
}

static void render_created(struct s3_job *j)
{
    struct s3_item *i = &j->items[0];
    struct text json = {0}, url = {0};
    struct trb_pair key = {NAME("key"), arena_name(j->arena, i->key)};
    struct trb_pairs metadata = {&key, 1, sizeof key};
    if (i->err.code) {
        job_fail(j, &i->err);
        return;
    }
    text_addc(&json, '{');
    add_member(&json, "location", text_slice(&i->location));
    if (i->version.len)
        add_member(&json, "versionID", text_slice(&i->version));
    else
        text_adds(&json, ",\"versionID\":null");
    if (j->presign_ns && object_presign(j, i->key, &url))
        add_member(&json, "presignURL", text_slice(&url));
    text_addc(&json, '}');
    job_answer(j, &json, &metadata);
    text_fini(&url);
}

void op_create(struct s3_job *j)
{
    struct trb_error err = {.size = sizeof err};
    job_items(j, 1);
    struct s3_item *i = &j->items[0];
    i->key = meta(j, "key");
    if (!i->key.len) {
        char *id = arena_alloc(j->arena, UUID_TEXT);
        uuid_v4(id);
        i->key = slice_of(id);
    }
    i->content_type = meta(j, "Content-Type");
    i->file_path = meta(j, "filePath");
    if (!i->file_path.len)
        i->file_path = slice_of(j->s3->file_path);
    i->data = slice_from(j->question->data.at, j->question->data.len);
    if (!take_ttl(j, &err)) {
        job_refuse(j, &err);
        return;
    }
    j->send = object_create;
    j->heard = object_created;
    j->render = render_created;
    job_run(j);
}

/* --------------------------------------------------------------------------------------------- get */
static void render_got(struct s3_job *j)
{
    struct s3_item *i = &j->items[0];
    struct trb_binding_answer answer = {.size = sizeof answer, .data = i->body};
    if (i->err.code) {
        job_fail(j, &i->err);
    } else if (i->text.at) {
        job_answer(j, &i->text, NULL);
    } else {
        i->body.owner = NULL;           /* given */
        j->s3->host->done(j->call, &answer, sizeof answer);
    }
}

void op_get(struct s3_job *j)
{
    if (!take_key(j, "get"))
        return;
    j->items[0].file_path = meta(j, "filePath");
    j->send = object_get;
    j->heard = object_got;
    j->render = render_got;
    job_run(j);
}

/* ------------------------------------------------------------------------------------------ delete */
static void render_deleted(struct s3_job *j)
{
    struct trb_binding_answer answer = {.size = sizeof answer};
    if (j->items[0].err.code)
        job_fail(j, &j->items[0].err);
    else
        j->s3->host->done(j->call, &answer, sizeof answer);
}

void op_delete(struct s3_job *j)
{
    if (!take_key(j, "delete"))
        return;
    j->send = object_delete;
    j->heard = object_deleted;
    j->render = render_deleted;
    job_run(j);
}

/* ----------------------------------------------------------------------------------------- presign */
static void render_presigned(struct s3_job *j)
{
    struct s3_item *i = &j->items[0];
    struct text json = {0}, url = {0};
    if (object_presign(j, i->key, &url)) {
        text_addc(&json, '{');
        add_member(&json, "presignURL", text_slice(&url));
        text_addc(&json, '}');
        job_answer(j, &json, NULL);
    } else {
        if (!i->err.code)
            trb_error(&i->err, TRB_UNAUTHENTICATED, "NO_CREDENTIALS", "there are no keys to sign the URL with");
        job_fail(j, &i->err);
    }
    text_fini(&url);
}

/* Keys that are fetched come with the first signed request; nothing is sent when we have them. */
static bool fetch_keys(struct s3_item *i)
{
    struct sigv4_keys keys;
    struct text url = {0};
    if (aws_keys(&i->job->s3->aws, &keys))
        return false;
    object_url(i->job->s3, i->key, &url);
    item_ask(i, &(struct http_request){.method = "HEAD", .url = url.at});
    text_fini(&url);
    return true;
}

static void keys_fetched(struct s3_item *i, const struct http_answer *a)
{
}

void op_presign(struct s3_job *j)
{
    struct trb_error err = {.size = sizeof err};
    if (!take_key(j, "presign"))
        return;
    if (take_ttl(j, &err) && !j->presign_ns)
        trb_error(&err, TRB_INVALID, "NO_TTL", "presign needs presignTTL, how long the URL is to be good");
    if (err.code) {
        job_refuse(j, &err);
        return;
    }
    j->send = fetch_keys;
    j->heard = keys_fetched;
    j->render = render_presigned;
    job_run(j);
}
