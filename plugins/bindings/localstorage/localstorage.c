/* bindings.localstorage: files below a folder: create, get, list, delete. components.md 2.14
 *
 * Reading and writing may block, so the host calls us on its workers. */
#include "files.h"
#include "form.h"
#include <base/codec.h>
#include <base/slice.h>
#include <trilby/bindings.h>
#include <unistd.h>

#define DECODE_AUTO 0u

struct storage {
    const char *root;                    /* options, filled in by the host */
    uint64_t max_bytes;
    uint32_t decode;
    struct files files;                  /* ours, from start to stop */
};

static const struct trb_option options[] = {
    TRB_STRING(struct storage, root, "rootPath", .required = 1, .example = "/var/lib/orders",
               .doc = "Folder of the files; it is made when it is not there. System folders are refused."),
    TRB_BYTES(struct storage, max_bytes, "maxSize", .fallback = "1Gi", .max = (int64_t)1 << 40,
              .doc = "Refuse to read a larger file."),
    TRB_CHOICE(struct storage, decode, "decodeBase64", .choices = "auto|never", .fallback = "auto",
               .doc = "auto: data that is base64 is decoded, even if it is a word such as \"test\" that only looks so. "
                      "never: data is kept as it is."),
};

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct storage *s = self;
    struct trb_error err = {.size = sizeof err};
    if (files_open(&s->files, s->root, &err))
        call->host->fail(call, &err);
    else
        trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    files_close(&((struct storage *)self)->files);
    trb_done(call);
}

/* --------------------------------------------------------------------------------------- operations */
struct act {
    struct storage *storage;
    struct trb_call *call;
    const struct trb_binding_invoke *question;
    struct text path;
    struct trb_error err;
};

static void answer(struct act *a, struct trb_data data)
{
    struct trb_binding_answer answer = {.size = sizeof answer, .data = data};
    a->call->host->done(a->call, &answer, sizeof answer);
}

static void answer_text(struct act *a, const struct text *json)
{
    answer(a, (struct trb_data){json->at, json->len, NULL});
}

static void end(struct act *a)
{
    a->call->host->fail(a->call, &a->err);
}

static void create(struct act *a)
{
    struct text bytes = {0}, json = {0};
    char id[UUID_TEXT];
    if (!a->path.len) {
        uuid_v4(id);
        text_adds(&a->path, id);
    }
    form_data(slice_from(a->question->data.at, a->question->data.len), a->storage->decode == DECODE_AUTO, &bytes);
    trb_code code = files_write(&a->storage->files, a->path.at, text_slice(&bytes), &a->err);
    text_fini(&bytes);
    if (code) {
        end(a);
        return;
    }
    text_adds(&json, "{\"fileName\":");
    text_add_json(&json, text_slice(&a->path), true);
    text_addc(&json, '}');
    answer_text(a, &json);
    text_fini(&json);
}

static bool read_all(int fd, char *to, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = read(fd, to + got, len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static void get(struct act *a)
{
    const struct trb_host *host = a->call->host;
    struct trb_buf *buf = NULL;
    char *bytes;
    uint64_t size;
    int fd = files_read(&a->storage->files, a->path.at, &size, &a->err);
    if (fd < 0) {
        end(a);
        return;
    }
    if (size > a->storage->max_bytes || !(buf = host->buf_new(a->call->origin, size, &bytes)))
        trb_error(&a->err, TRB_EXHAUSTED, "TOO_LARGE", "file %s has %llu bytes, more than %s", a->path.at,
                  (unsigned long long)size, size > a->storage->max_bytes ? "maxSize" : "there is memory for");
    else if (!read_all(fd, bytes, size))
        trb_error(&a->err, TRB_UNAVAILABLE, "SHORT_READ", "file %s could not be read whole", a->path.at);
    close(fd);
    if (a->err.code) {
        host->buf_unref(buf);
        end(a);
    } else {
        answer(a, (struct trb_data){bytes, size, buf});
    }
}

static void list(struct act *a)
{
    struct text json = {0};
    if (files_list(&a->storage->files, a->path.at, &json, &a->err))
        end(a);
    else
        answer_text(a, &json);
    text_fini(&json);
}

static void delete(struct act *a)
{
    if (files_remove(&a->storage->files, a->path.at, &a->err))
        end(a);
    else
        answer(a, (struct trb_data){NULL, 0, NULL});
}

static const struct {
    const char *name;
    void (*run)(struct act *);
    bool needs_name;
} operations[] = {{"create", create, false}, {"get", get, true}, {"list", list, false}, {"delete", delete, true}};

static void run(struct act *a, size_t which)
{
    struct trb_name name = trb_pair_get(&a->question->metadata, "fileName");
    if (!name.len && operations[which].needs_name)
        trb_error(&a->err, TRB_INVALID, "NO_FILE_NAME", "required metadata not set: fileName");
    else if (!form_path(slice_name(name), &a->path))
        trb_error(&a->err, TRB_INVALID, "BAD_FILE_NAME", "no file can be called what fileName says: a NUL, or more than %u bytes",
                  NAME_MAX_BYTES);
    if (a->err.code)
        end(a);
    else
        operations[which].run(a);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    struct act a = {.storage = self, .call = call, .question = question, .err = {.size = sizeof a.err}};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (slice_is(slice_name(a.question->operation), slice_of(operations[i].name))) {
            run(&a, i);
            text_fini(&a.path);
            return;
        }
    trb_fail(call, TRB_UNIMPLEMENTED, "NO_SUCH_OPERATION", "unsupported operation %s: create, get, list and delete are known",
             a.question->operation.at);
}

static const struct trb_bindings_ops ops = {.size = sizeof ops, .operations = "create get list delete", .invoke = invoke};
static const struct trb_component localstorage = {
    .size = sizeof localstorage, .block = "bindings", .type = "bindings.localstorage", .version = "v1",
    .summary = "Files below a folder of this machine.", .caps = TRB_BINDINGS_OUTPUT,
    .run = TRB_ON_WORKERS, .max_parallel = 8, TRB_SELF(struct storage, options), .writes = "rootPath",
    .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN("localstorage", "1.0.0", "Apache-2.0", &localstorage);
