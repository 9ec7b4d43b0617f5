/* crypto.dapr.localstorage: keys from files of one folder, whose names are the keys'.
 *
 * A file is read for every use, so a rotated key needs no restart, and no key stays in memory. Reading and RSA may
 * take a while, so the host calls us on its workers. */
#include <base/mem.h>
#include <base/slice.h>
#include <crypto/local.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <trilby/options.h>
#include <unistd.h>

struct store {
    const char *path;               /* options, filled in by the host */
    int folder;                     /* ours, from start to stop */
    bool is_open;
};

static const struct trb_option options[] = {
    TRB_STRING(struct store, path, "path", .required = 1, .example = "/run/keys",
               .doc = "Folder that holds one key per file: JWK in *.json, PEM in *.pem, else either of them, DER, or raw bytes."),
};

/* ------------------------------------------------------------------------------------- one file */
/* Below the folder and nowhere else; a key may stand in a folder of its own. */
static bool is_below(struct trb_name name)
{
    struct trb_slice rest = slice_name(name);
    if (!name.len || strlen(name.at) != name.len || name.at[0] == '/')
        return false;
    while (rest.at) {
        struct trb_slice part = slice_split(&rest, '/');
        if (!part.len || slice_is(part, SLICE(".")) || slice_is(part, SLICE("..")))
            return false;
    }
    return true;
}

static uint32_t form_of(struct trb_name name)
{
    return slice_ends(slice_name(name), SLICE(".json"))  ? CRYPTO_FORM_JWK
           : slice_ends(slice_name(name), SLICE(".pem")) ? CRYPTO_FORM_PEM
                                                         : CRYPTO_FORM_GUESS;
}

/* -1: err. */
static ssize_t read_all(int fd, char *at, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t n = read(fd, at + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static struct crypto_key *read_key(int fd, struct trb_name name, struct trb_error *err)
{
    struct trb_error why = {.size = sizeof why};
    struct stat st;
    struct crypto_key *k = NULL;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return trb_error(err, TRB_PRECONDITION, "NO_FILE", "failed to load key '%s': it is no file", name.at), NULL;
    char *text = mem_alloc(CRYPTO_KEY_MOST_BYTES + 1);
    ssize_t len = read_all(fd, text, CRYPTO_KEY_MOST_BYTES + 1);
    if (len < 0)
        trb_error(err, TRB_UNAVAILABLE, "SYSTEM", "failed to load key '%s': %s", name.at, strerror(errno));
    else if (!(k = crypto_key_read(slice_from(text, (size_t)len), form_of(name), &why)))
        trb_error(err, why.code, why.reason, "failed to load key '%s': %.300s", name.at, why.message);
    mem_wipe(text, CRYPTO_KEY_MOST_BYTES + 1);
    mem_free(text);
    return k;
}

static struct crypto_key *find(void *self, struct trb_name name, struct trb_error *err)
{
    const struct store *s = self;
    if (!is_below(name))
        return crypto_no_such_key(err, "failed to load key '%s': it is no name of a file in the folder", name.at), NULL;
    int fd = openat(s->folder, name.at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
        return crypto_no_such_key(err, "failed to load key '%s': %s", name.at, strerror(errno)), NULL;
    if (fd < 0)
        return trb_error(err, TRB_UNAVAILABLE, "SYSTEM", "failed to load key '%s': %s", name.at, strerror(errno)), NULL;
    struct crypto_key *k = read_key(fd, name, err);
    close(fd);
    return k;
}

/* ----------------------------------------------------------------------------------------- verbs */
#define VERB(verb)                                                                                 \
    static void verb(void *self, struct trb_call *call, const void *question)                      \
    {                                                                                              \
        crypto_local_##verb(&(struct crypto_local){self, find}, call, question);                   \
    }
VERB(get_key)
VERB(wrap_key)
VERB(unwrap_key)
VERB(encrypt)
VERB(decrypt)
VERB(sign)
VERB(verify)
#undef VERB

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    s->folder = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->is_open = s->folder >= 0;
    if (s->is_open)
        trb_done(call);
    else
        trb_fail_errno(call, s->path);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    if (s->is_open)
        close(s->folder);
    trb_done(call);
}

static const struct trb_crypto_ops ops = {
    .size = sizeof ops, .encryption_algorithms = CRYPTO_ENCRYPTION_ALGORITHMS, .signature_algorithms = CRYPTO_SIGNATURE_ALGORITHMS,
    .get_key = get_key, .wrap_key = wrap_key, .unwrap_key = unwrap_key, .encrypt = encrypt, .decrypt = decrypt, .sign = sign,
    .verify = verify,
};
static const struct trb_component local_storage = {
    .size = sizeof local_storage, .block = "crypto", .type = "crypto.dapr.localstorage", .version = "v1",
    .summary = "Keys from files in a folder.", .run = TRB_ON_WORKERS, .max_parallel = 16, TRB_SELF(struct store, options),
    .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN("dapr-localstorage", "0.1.0", "Apache-2.0", &local_storage);
