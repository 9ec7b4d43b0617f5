/* object: one object is put, got, deleted, or has a URL made for it. */
#include "s3.h"
#include <aws/xml.h>
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN "-_.~/"

void object_url(const struct s3 *s, struct trb_slice key, struct text *url)
{
    text_add(url, text_slice(&s->base));
    text_add_escaped(url, key, PLAIN);
}

bool object_presign(struct s3_job *j, struct trb_slice key, struct text *url)
{
    struct sigv4_keys keys;
    struct text plain = {0};
    if (!aws_keys(&j->s3->aws, &keys))
        return false;
    object_url(j->s3, key, &plain);
    struct sigv4_request r = {.method = "GET", .url = plain.at, .region = j->s3->aws.region, .service = "s3",
                              .now_s = clock_wall_ns() / 1000000000};
    sigv4_presign(&keys, &r, (uint64_t)(j->presign_ns / 1000000000), url);
    text_fini(&plain);
    return true;
}

/* <Error><Code>NoSuchKey</Code><Message>…</Message></Error>; a HEAD has nothing of it. */
void answer_refused(struct s3_item *i, const struct http_answer *a)
{
    struct trb_slice code = xml_find(i->job->arena, a->body, "Code"), said = xml_find(i->job->arena, a->body, "Message");
    trb_code is = a->status == 404                       ? TRB_NOT_FOUND
                  : a->status == 403                     ? TRB_DENIED
                  : a->status == 401                     ? TRB_UNAUTHENTICATED
                  : a->status == 412                     ? TRB_PRECONDITION
                  : a->status == 429 || a->status >= 500 ? TRB_UNAVAILABLE
                                                         : TRB_INVALID;
    if (a->status == 404 && (slice_is(code, SLICE("NoSuchKey")) || !code.len))
        trb_error(&i->err, is, "OBJECT_NOT_FOUND", "object not found: %.*s", SLICE_ARG(i->key));
    else
        trb_error(&i->err, is, "S3_REFUSED", "s3 answered %u: %.*s%s%.*s", a->status, SLICE_ARG(code), code.len ? ": " : "",
                  SLICE_ARG(said.len ? said : slice_trim(a->body)));
}

/* --------------------------------------------------------------------------------------------- put */
static bool read_file(struct s3_item *i, struct trb_slice *ret)
{
    struct s3_job *j = i->job;
    const char *path = arena_name(j->arena, i->file_path).at;
    struct stat st;
    size_t len = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        trb_errno(&i->err, path);
    else if (!S_ISREG(st.st_mode))
        trb_error(&i->err, TRB_INVALID, "NO_FILE", "%s is no file", path);
    else if ((uint64_t)st.st_size > j->s3->max_bytes)
        trb_error(&i->err, TRB_EXHAUSTED, "TOO_LARGE", "%s exceeds maxSize", path);
    else {
        char *room = text_room(&i->text, (size_t)st.st_size);
        while (len < (size_t)st.st_size && (got = read(fd, room + len, (size_t)st.st_size - len)) > 0)
            len += (size_t)got;
        text_wrote(&i->text, len);
        *ret = text_slice(&i->text);
        if (len != (size_t)st.st_size)
            trb_error(&i->err, TRB_UNAVAILABLE, "SHORT_READ", "%s could not be read whole", path);
    }
    if (fd >= 0)
        close(fd);
    return !i->err.code;
}

static bool find_body(struct s3_item *i, struct trb_slice *ret)
{
    struct json_value value;
    struct json_fault fault;
    struct arena *arena = i->job->arena;
    size_t len = 0;
    if (i->file_path.len)
        return read_file(i, ret);
    *ret = i->data.at ? i->data : SLICE("");
    if (!i->job->is_bulk && ret->len && ret->at[0] == '"' && json_parse(*ret, &value, &fault) && value.kind == JSON_STRING)
        *ret = json_text(arena, value);
    if (i->job->decode) {
        char *room = arena_alloc(arena, ret->len * 3 / 4 + 4);
        if (!base64_decode(*ret, true, room, &len, NULL))
            return trb_error(&i->err, TRB_INVALID, "BAD_DATA", "decodeBase64: the data of %.*s are not base64", SLICE_ARG(i->key)), false;
        *ret = slice_from(room, len);
    }
    return true;
}

/* "k=v,k=v" becomes "k=v&k=v", escaped. */
static bool add_tags(struct s3_item *i, struct trb_slice tags, struct text *ret)
{
    while (tags.at) {
        struct trb_slice value = slice_split(&tags, ','), name = slice_trim(slice_split(&value, '='));
        if (!value.at || !name.len)
            return trb_error(&i->err, TRB_INVALID, "BAD_TAGS", "tags are written key=value,key=value"), false;
        if (ret->len)
            text_addc(ret, '&');
        text_add_escaped(ret, name, "-_.~");
        text_addc(ret, '=');
        text_add_escaped(ret, slice_trim(value), "-_.~");
    }
    return true;
}

bool object_create(struct s3_item *i)
{
    struct s3_job *j = i->job;
    struct trb_pair headers[3];
    uint32_t count = 0;
    struct text url = {0}, tags = {0};
    struct trb_slice body, class = meta(j, "storageClass"), said = meta(j, "tags");
    if (!class.len)
        class = slice_of(j->s3->storage_class);
    bool ok = find_body(i, &body) && (!said.len || add_tags(i, said, &tags));
    if (ok) {
        if (i->content_type.len)
            headers[count++] = (struct trb_pair){NAME("Content-Type"), arena_name(j->arena, i->content_type)};
        if (class.len)
            headers[count++] = (struct trb_pair){NAME("X-Amz-Storage-Class"), arena_name(j->arena, class)};
        if (tags.len)
            headers[count++] = (struct trb_pair){NAME("X-Amz-Tagging"), {tags.at, tags.len}};
        object_url(j->s3, i->key, &url);
        text_add(&i->location, text_slice(&url));
        item_ask(i, &(struct http_request){.method = "PUT", .url = url.at, .body = body, .headers = {headers, count, sizeof *headers}});
    }
    text_fini(&url);
    text_fini(&tags);
    return ok;
}

void object_created(struct s3_item *i, const struct http_answer *a)
{
    if (a->status == 200)
        text_add(&i->version, http_header(a, "x-amz-version-id"));
    else
        answer_refused(i, a);
}

/* --------------------------------------------------------------------------------------------- get */
bool object_get(struct s3_item *i)
{
    struct text url = {0};
    object_url(i->job->s3, i->key, &url);
    item_ask(i, &(struct http_request){.url = url.at});
    text_fini(&url);
    return true;
}

/* Under another name first: who reads the file never sees half of it. */
static void write_file(struct s3_item *i, struct trb_slice body)
{
    const char *path = arena_name(i->job->arena, i->file_path).at;
    const char *part = arena_printf(i->job->arena, "%s.part", path).at;
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t len = 0;
    ssize_t put = 1;
    while (fd >= 0 && len < body.len && (put = write(fd, body.at + len, body.len - len)) > 0)
        len += (size_t)put;
    bool failed = fd < 0 || len < body.len;
    if (fd >= 0 && close(fd))
        failed = true;
    if (failed || rename(part, path)) {
        trb_errno(&i->err, path);
        unlink(part);
    }
}

void object_got(struct s3_item *i, const struct http_answer *a)
{
    if (a->status != 200) {
        answer_refused(i, a);
    } else if (i->file_path.len) {
        write_file(i, a->body);
    } else if (i->job->encode) {
        char *room = text_room(&i->text, base64_encoded_len(a->body.len, true));
        text_wrote(&i->text, base64_encode(a->body, true, room));
    } else if (!(i->body = http_body_take(a)).owner) {
        i->body = (struct trb_data){0};
        text_adds(&i->text, "");
        text_add(&i->text, a->body);
    }
}

/* ------------------------------------------------------------------------------------------ delete */
bool object_delete(struct s3_item *i)
{
    struct text url = {0};
    object_url(i->job->s3, i->key, &url);
    item_ask(i, &(struct http_request){.method = "DELETE", .url = url.at});
    text_fini(&url);
    return true;
}

void object_deleted(struct s3_item *i, const struct http_answer *a)
{
    if (a->status != 200 && a->status != 204)
        answer_refused(i, a);
}
