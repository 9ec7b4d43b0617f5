/* small_file: whole or not at all. */
#include <base/mem.h>
#include <base/slice.h>
#include <dirent.h>
#include <fcntl.h>
#include <http/small_file.h>
#include <sys/stat.h>
#include <trilby/plugin.h>
#include <unistd.h>

#define MOST_DEPTH 8
#define MOST_ALL (16u << 20)

static bool copy(int fd, size_t size, struct text *ret)
{
    char *room = text_room(ret, size);
    size_t len = 0;
    ssize_t got;
    while (len < size && (got = read(fd, room + len, size - len)) > 0)
        len += (size_t)got;
    text_wrote(ret, len);
    return len == size;
}

bool small_file_read(const char *what, const char *path, struct text *ret, struct trb_error *err)
{
    struct stat st;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        trb_error(err, TRB_INVALID, "NO_FILE", "%s: %s: %s", what, path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        trb_error(err, TRB_INVALID, "NO_FILE", "%s: %s is no file", what, path);
    else if (st.st_size > SMALL_FILE_MOST)
        trb_error(err, TRB_INVALID, "TOO_LARGE", "%s: %s is larger than %u bytes", what, path, SMALL_FILE_MOST);
    else if (!(ok = copy(fd, (size_t)st.st_size, ret)))
        trb_error(err, TRB_UNAVAILABLE, "SHORT_READ", "%s: %s could not be read whole", what, path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool walk(const char *what, const char *folder, int depth, struct text *ret, struct trb_error *err);

static bool visit(const char *what, const char *path, int depth, struct text *ret, struct trb_error *err)
{
    struct stat st;
    if (stat(path, &st))
        return true;                    /* a link to nowhere, or gone meanwhile */
    if (S_ISDIR(st.st_mode))
        return depth == MOST_DEPTH || walk(what, path, depth + 1, ret, err);
    if (ret->len > MOST_ALL)
        return trb_error(err, TRB_INVALID, "TOO_LARGE", "%s: the files under it exceed %u bytes", what, MOST_ALL), false;
    if (!S_ISREG(st.st_mode) || !small_file_read(what, path, ret, err))
        return !S_ISREG(st.st_mode);
    text_addc(ret, '\n');
    return true;
}

static bool walk(const char *what, const char *folder, int depth, struct text *ret, struct trb_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool ok = true;
    if (!dir)
        return trb_error(err, TRB_INVALID, "NO_FILE", "%s: %s: %s", what, folder, strerror(errno)), false;
    while (ok && (entry = readdir(dir))) {
        struct text path = {0};
        text_addf(&path, "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            ok = visit(what, path.at, depth, ret, err);
        text_fini(&path);
    }
    closedir(dir);
    return ok;
}

bool small_file_walk(const char *what, const char *folder, struct text *ret, struct trb_error *err)
{
    return walk(what, folder, 1, ret, err);
}

void small_file_wipe(struct text *t)
{
    if (t->at)
        mem_wipe(t->at, t->room);
    text_fini(t);
}
