/* secretstores.local.file: secrets from a JSON file, read once when the component starts.
 *
 * For development: the file is plain text. Reading it may block, so the host calls us on its workers. */
#include "secrets.h"
#include <base/mem.h>
#include <base/slice.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <trilby/secretstores.h>
#include <unistd.h>

struct store {
    const char *path, *separator;            /* options, filled in by the host */
    uint32_t multi_valued;
    uint64_t max_bytes;
    struct secrets secrets;                  /* ours, from start to stop */
    const struct trb_host *host;
    const struct trb_origin *origin;
};

static const struct trb_option options[] = {
    TRB_STRING(struct store, path, "secretsFile", .required = 1, .example = "secrets.json",
               .doc = "JSON file of secrets; a relative path counts from the folder of the process."),
    TRB_STRING(struct store, separator, "nestedSeparator", .fallback = ":", .empty_is_absent = 1,
               .doc = "Joins the parts of a nested secret's name."),
    TRB_BOOL(struct store, multi_valued, "multiValued", .fallback = "false",
             .doc = "An object at the top of the file is one secret with several values."),
    TRB_BYTES(struct store, max_bytes, "maxSize", .fallback = "16Mi", .max = 1 << 30,
              .doc = "Refuse to read a larger file."),
};

/* The whole file; NULL: err says why. */
static char *read_file(const struct store *s, size_t *ret_len, struct trb_error *err)
{
    struct stat st;
    char *text = NULL;
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        trb_errno(err, s->path);
    } else if (!S_ISREG(st.st_mode)) {
        trb_error(err, TRB_INVALID, "NO_FILE", "%s is no file", s->path);
    } else if ((uint64_t)st.st_size > s->max_bytes) {
        trb_error(err, TRB_EXHAUSTED, "TOO_LARGE", "%s exceeds maxSize", s->path);
    } else {
        text = mem_alloc((size_t)st.st_size + 1);
        for (*ret_len = 0; *ret_len < (size_t)st.st_size;) {
            ssize_t n = read(fd, text + *ret_len, (size_t)st.st_size - *ret_len);
            if (n <= 0)
                break;
            *ret_len += (size_t)n;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static uint32_t line_of(const char *text, size_t offset)
{
    uint32_t line = 1;
    for (size_t n = 0; n < offset; n++)
        line += text[n] == '\n';
    return line;
}

static void twice(void *arg, const char *name)
{
    const struct store *s = arg;
    trb_log(s->host, s->origin, TRB_LOG_WARN, "%s names the secret %s twice; the first one counts", s->path, name);
}

static void parse(struct store *s, const char *text, size_t len, struct trb_error *err)
{
    struct json_value top;
    struct json_fault fault;
    if (!json_parse(slice_from(text, len), &top, &fault))
        trb_error(err, TRB_INVALID, "BAD_JSON", "%s:%u: %s", s->path, line_of(text, fault.offset), fault.message);
    else if (top.kind != JSON_OBJECT)
        trb_error(err, TRB_INVALID, "BAD_JSON", "%s must hold one JSON object of secrets", s->path);
    else
        secrets_read(&s->secrets, top, slice_of(s->separator), s->multi_valued, twice, s);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    struct trb_error err = {.size = sizeof err};
    size_t len = 0;
    s->host = call->host;
    s->origin = call->origin;
    char *text = read_file(s, &len, &err);
    if (text) {
        parse(s, text, len, &err);
        mem_wipe(text, len);
        mem_free(text);
    }
    if (!s->multi_valued)
        call->host->narrow(call->origin, ~TRB_SECRET_MULTIPLE);
    if (err.code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    secrets_wipe(&((struct store *)self)->secrets);
    trb_done(call);
}

static struct trb_pairs values_of(const struct secret *s)
{
    static const struct trb_pair none;       /* no values, which is not an absent secret */
    return (struct trb_pairs){s->count ? &s->values->pair : &none, s->count, sizeof(struct value)};
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_secret_get *q = question;
    const struct secret *found = secrets_find(&((struct store *)self)->secrets, slice_name(q->name));
    if (!found) {
        trb_fail(call, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "secret %s not found", q->name.at);
        return;
    }
    struct trb_secret answer = {.size = sizeof answer, .values = values_of(found)};
    call->host->done(call, &answer, sizeof answer);
}

static void bulk(void *self, struct trb_call *call, const void *question)
{
    const struct secrets *all = &((struct store *)self)->secrets;
    for (uint32_t n = 0; n < all->count; n++) {
        struct trb_secret one = {.size = sizeof one, .name = all->at[n].name, .values = values_of(&all->at[n])};
        call->host->item(call, n, &one, sizeof one, NULL);
    }
    trb_done(call);
}

static const struct trb_secretstores_ops ops = {.size = sizeof ops, .get = get, .bulk = bulk};
static const struct trb_component local_file = {
    .size = sizeof local_file, .block = "secretstores", .type = "secretstores.local.file", .version = "v1",
    .summary = "Secrets from a JSON file.", .caps = TRB_SECRET_MULTIPLE,
    .run = TRB_ON_WORKERS, .max_parallel = 4, TRB_SELF(struct store, options),
    .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN("local-file", "0.1.0", "Apache-2.0", &local_file);
