/* files: opening below the root, reading, writing, removing. */
#include "inside.h"
#include <base/codec.h>
#include <base/slice.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------- below the root only */
/* Where the machine's kernel knows no better, no link is followed at all. */
static int open_step_by_step(int root, const char *path, int flags)
{
    struct trb_slice rest = slice_of(path);
    int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
    while (at >= 0) {
        char part[NAME_MAX + 1];
        struct trb_slice one = slice_split(&rest, '/');
        if (one.len > NAME_MAX)
            return errno = ENAMETOOLONG, close(at), -1;
        snprintf(part, sizeof part, "%.*s", SLICE_ARG(one));
        int next = rest.at ? openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                           : openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = next;
        if (!rest.at)
            break;
    }
    return at;
}

int files_open_below(const struct files *f, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (!*path)
        path = ".";
    int fd = (int)syscall(SYS_openat2, f->fd, path, &how, sizeof how);
    bool is_unknown = fd < 0 && (errno == ENOSYS || errno == EPERM);   /* EPERM: an old container filters it */
    return is_unknown ? open_step_by_step(f->fd, path, flags) : fd;
}

/* One part after the other, each made in the one above it. */
static int make_folder(const struct files *f, char *folder)
{
    int above = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    for (char *part = folder; above >= 0 && part;) {
        char *slash = strchr(part, '/');
        if (slash)
            *slash = 0;
        int here = files_open_below(f, folder, O_PATH | O_DIRECTORY);
        if (here < 0 && errno == ENOENT && (!mkdirat(above, part, 0777) || errno == EEXIST))
            here = files_open_below(f, folder, O_PATH | O_DIRECTORY);
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
    int fd = files_open_below(f, folder, O_PATH | O_DIRECTORY);
    return fd < 0 && errno == ENOENT && makes && len ? make_folder(f, folder) : fd;
}

/* ------------------------------------------------------------------------------------------- words */
static trb_code missing(const struct files *f, const char *path, struct trb_error *err)
{
    return trb_error(err, TRB_NOT_FOUND, "FILE_NOT_FOUND", "file not found: %s%s%s", f->root, *path ? "/" : "", path);
}

trb_code files_failed(const struct files *f, const char *what, const char *path, struct trb_error *err)
{
    char where[400];
    int why = errno;
    if (why == ENOENT)
        return missing(f, path, err);
    snprintf(where, sizeof where, "error %s %s%s%s", what, f->root, *path ? "/" : "", path);
    errno = why;
    return trb_errno(err, where);
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
    if (folder < 0)
        return files_failed(f, "creating the folder of", path, err);
    return why ? files_failed(f, "writing to", path, err) : TRB_OK;
}

/* ------------------------------------------------------------------------------- reading, removing */
int files_read(const struct files *f, const char *path, uint64_t *ret_size, struct trb_error *err)
{
    struct stat st;
    int fd = files_open_below(f, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st)) {
        files_failed(f, "opening path", path, err);
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
    return folder < 0 || why ? files_failed(f, "deleting file", path, err) : TRB_OK;
}
