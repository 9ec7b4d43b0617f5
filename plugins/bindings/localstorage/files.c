/* files: see files.h. */
#include "files.h"
#include "form.h"
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNFINISHED ".trilby-unfinished-"

/* ------------------------------------------------------------------------------- below the root only */
/* Where the kernel of the machine is older, no link is followed at all. */
static int open_step_by_step(int root, const char *path, int flags, mode_t mode)
{
    struct trb_slice rest = slice_of(path);
    int at = dup(root);
    while (at >= 0) {
        char part[NAME_MAX + 1];
        struct trb_slice one = slice_split(&rest, '/');
        if (one.len > NAME_MAX)
            return errno = ENAMETOOLONG, close(at), -1;
        snprintf(part, sizeof part, "%.*s", SLICE_ARG(one));
        int next = rest.at ? openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                           : openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
        close(at);
        at = next;
        if (!rest.at)
            break;
    }
    return at;
}

static int open_below(const struct files *f, const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (!*path)
        path = ".";
    int fd = (int)syscall(SYS_openat2, f->fd, path, &how, sizeof how);
    return fd < 0 && errno == ENOSYS ? open_step_by_step(f->fd, path, flags, mode) : fd;
}

/* One part after the other, each made in the one above it. */
static int make_folder(const struct files *f, char *folder)
{
    int above = dup(f->fd);
    for (char *part = folder; above >= 0 && part;) {
        char *slash = strchr(part, '/');
        if (slash)
            *slash = 0;
        int here = open_below(f, folder, O_PATH | O_DIRECTORY, 0);
        if (here < 0 && errno == ENOENT && (!mkdirat(above, part, 0777) || errno == EEXIST))
            here = open_below(f, folder, O_PATH | O_DIRECTORY, 0);
        int why = errno;
        close(above);
        errno = why;
        above = here;
        part = slash ? slash + 1 : NULL;
        if (slash)
            *slash = '/';
    }
    return above;
}

/* The folder that path lies in, made with those above it when it is not there; and the last part of path. */
static int open_folder_of(const struct files *f, const char *path, bool makes, const char **ret_last)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *ret_last = slash ? slash + 1 : path;
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof folder)
        return errno = ENAMETOOLONG, -1;
    memcpy(folder, path, len);
    folder[len] = 0;
    int fd = open_below(f, folder, O_PATH | O_DIRECTORY, 0);
    return fd < 0 && errno == ENOENT && makes && len ? make_folder(f, folder) : fd;
}

/* ------------------------------------------------------------------------------------------- words */
static trb_code missing(const struct files *f, const char *path, struct trb_error *err)
{
    return trb_error(err, TRB_NOT_FOUND, "FILE_NOT_FOUND", "file not found: %s%s%s", f->root, *path ? "/" : "", path);
}

static trb_code failed(const struct files *f, const char *what, const char *path, struct trb_error *err)
{
    char where[400];
    int why = errno;
    if (why == ENOENT)
        return missing(f, path, err);
    snprintf(where, sizeof where, "error %s %s%s%s", what, f->root, *path ? "/" : "", path);
    errno = why;
    return trb_errno(err, where);
}

/* -------------------------------------------------------------------------------------------- root */
static bool is_at_or_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

static trb_code check_root(const char *path, struct trb_error *err)
{
    static const char *const refused[] = {"/proc", "/sys", "/boot", "/var/run/secrets", "/run/secrets"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (is_at_or_below(path, refused[i]))
            return trb_error(err, TRB_INVALID, "BAD_ROOT", "rootPath: %s is a system folder, in which no files are kept: "
                             "choose another", path);
    return TRB_OK;
}

/* As far as it is there, without links; the rest as written. */
static trb_code check_real_root(const char *path, struct trb_error *err)
{
    char there[PATH_MAX], real[PATH_MAX], whole[2 * PATH_MAX];
    size_t len = strlen(path);
    memcpy(there, path, len + 1);
    while (len > 1 && !realpath(there, real)) {
        while (len > 1 && there[len - 1] != '/')
            len--;
        len -= len > 1;
        there[len] = 0;
    }
    if (len > 1)
        snprintf(whole, sizeof whole, "%s%s", real, path + len);
    return check_root(len > 1 ? whole : path, err);
}

static trb_code make_folders(char *path, struct trb_error *err)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(path, 0777);
            *p = '/';
        }
    return mkdir(path, 0777) && errno != EEXIST ? trb_errno(err, path) : TRB_OK;
}

/* From the root of the file system, '..' resolved by its letters. */
static trb_code absolute(const char *path, char ret[PATH_MAX], struct trb_error *err)
{
    struct text given = {0}, clean = {0};
    char here[PATH_MAX];
    if (*path != '/' && getcwd(here, sizeof here))
        text_addf(&given, "%s/", here);
    text_adds(&given, path);
    bool is_path = form_path(text_slice(&given), &clean) && clean.len + 1 < PATH_MAX;
    if (is_path)
        snprintf(ret, PATH_MAX, "/%s", clean.at);
    text_fini(&given);
    text_fini(&clean);
    return is_path ? TRB_OK : trb_error(err, TRB_INVALID, "BAD_ROOT", "rootPath is longer than %u bytes", NAME_MAX_BYTES);
}

trb_code files_open(struct files *f, const char *path, struct trb_error *err)
{
    char given[PATH_MAX], whole[PATH_MAX];
    f->fd = -1;
    if (!*path)
        return trb_error(err, TRB_INVALID, "BAD_ROOT", "rootPath is empty: name a folder");
    trb_code code = absolute(path, given, err);
    code = code ? code : check_root(given, err);
    code = code ? code : check_real_root(given, err);
    code = code ? code : make_folders(given, err);
    if (!code && !realpath(given, whole))
        code = trb_errno(err, given);
    code = code ? code : check_root(whole, err);
    if (code)
        return code;
    f->fd = open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0)
        return trb_errno(err, whole);
    f->root = mem_text(whole, strlen(whole));
    return TRB_OK;
}

void files_close(struct files *f)
{
    if (f->root)
        close(f->fd);
    f->root = mem_free(f->root);
}

/* ------------------------------------------------------------------------------------------ writing */
static bool write_all(int fd, struct trb_slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = slice_skip(bytes, (size_t)n);
    }
    return true;
}

/* Beside it first, so that nobody ever reads a half. */
static int write_in(int folder, const char *name, struct trb_slice bytes)
{
    char unfinished[sizeof UNFINISHED + UUID_TEXT] = UNFINISHED;
    uuid_v4(unfinished + sizeof UNFINISHED - 1);
    int fd = openat(folder, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    int why = write_all(fd, bytes) ? 0 : errno;
    if (close(fd) && !why)
        why = errno;
    if (!why && renameat(folder, unfinished, folder, name))
        why = errno;
    if (why)
        unlinkat(folder, unfinished, 0);
    return why;
}

trb_code files_write(const struct files *f, const char *path, struct trb_slice bytes, struct trb_error *err)
{
    const char *name;
    int folder = open_folder_of(f, path, true, &name), why = errno;
    if (folder >= 0) {
        why = *name ? write_in(folder, name, bytes) : EISDIR;
        close(folder);
    }
    errno = why;
    return why && folder >= 0 ? failed(f, "writing to", path, err) : folder < 0 ? failed(f, "creating the folder of", path, err) : TRB_OK;
}

/* ------------------------------------------------------------------------------- reading, removing */
int files_read(const struct files *f, const char *path, uint64_t *ret_size, struct trb_error *err)
{
    struct stat st;
    int fd = open_below(f, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st)) {
        failed(f, "opening path", path, err);
    } else if (!S_ISREG(st.st_mode)) {
        trb_error(err, TRB_PRECONDITION, "NO_FILE", "error reading file %s/%s: it is no plain file", f->root, path);
    } else {
        *ret_size = (uint64_t)st.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

trb_code files_remove(const struct files *f, const char *path, struct trb_error *err)
{
    const char *name;
    int folder = open_folder_of(f, path, false, &name), why = errno;
    if (folder >= 0) {
        bool is_gone = *name && (!unlinkat(folder, name, 0) || (errno == EISDIR && !unlinkat(folder, name, AT_REMOVEDIR)));
        why = is_gone ? 0 : *name ? errno : EBUSY;
        close(folder);
    }
    errno = why;
    return folder < 0 || why ? failed(f, "deleting file", path, err) : TRB_OK;
}

/* ------------------------------------------------------------------------------------------ listing */
struct listing {
    const struct files *files;
    struct text *json;
    bool is_any;
};

static void add(struct listing *l, struct trb_slice path)
{
    struct text whole = {0};
    text_addf(&whole, "%s%s%.*s", l->files->root, path.len ? "/" : "", SLICE_ARG(path));
    if (l->is_any)
        text_addc(l->json, ',');
    text_add_json(l->json, text_slice(&whole), true);
    l->is_any = true;
    text_fini(&whole);
}

static trb_code walk(struct listing *, struct trb_slice path, struct trb_error *);

static bool is_folder(int fd, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return !fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static trb_code take(struct listing *l, struct trb_slice folder, const char *name, bool enters, struct trb_error *err)
{
    struct text path = {0};
    trb_code code = TRB_OK;
    text_addf(&path, "%.*s%s%s", SLICE_ARG(folder), folder.len ? "/" : "", name);
    if (enters)
        code = walk(l, text_slice(&path), err);
    else
        add(l, text_slice(&path));
    text_fini(&path);
    return code;
}

struct entries {
    struct {
        char *name;
        bool is_folder;
    } *at;
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The descriptor is closed before anything deeper is opened, however deep it goes. */
static void read_entries(int fd, struct entries *ret)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        bool is_own = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strncmp(e->d_name, UNFINISHED, sizeof UNFINISHED - 1);
        if (is_own)
            continue;
        ret->at = mem_grow(ret->at, (ret->count + 1) * sizeof *ret->at);
        ret->at[ret->count].name = mem_text(e->d_name, strlen(e->d_name));
        ret->at[ret->count++].is_folder = is_folder(fd, e);
    }
    closedir(d);
    if (ret->count)
        qsort(ret->at, ret->count, sizeof *ret->at, by_name);
}

static trb_code walk(struct listing *l, struct trb_slice path, struct trb_error *err)
{
    struct entries all = {0};
    trb_code code = TRB_OK;
    int fd = open_below(l->files, path.at, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return errno == ENOENT ? TRB_OK : failed(l->files, "listing", path.at, err);
    read_entries(fd, &all);
    for (size_t i = 0; i < all.count; i++) {
        if (!code)
            code = take(l, path, all.at[i].name, all.at[i].is_folder, err);
        mem_free(all.at[i].name);
    }
    mem_free(all.at);
    return code;
}

trb_code files_list(const struct files *f, const char *path, struct text *ret_json, struct trb_error *err)
{
    struct listing l = {.files = f, .json = ret_json};
    struct stat st;
    int fd = open_below(f, path, O_PATH, 0);
    if (fd < 0 || fstat(fd, &st))
        return fd >= 0 ? (close(fd), failed(f, "listing", path, err)) : failed(f, "listing", path, err);
    close(fd);
    text_addc(ret_json, '[');
    trb_code code = TRB_OK;
    if (S_ISDIR(st.st_mode))
        code = walk(&l, slice_of(path), err);
    else
        add(&l, slice_of(path));
    text_addc(ret_json, ']');
    return code;
}
