/* resource_load: the folders: every .yaml and .yml in them, in the order of their names. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/errno_text.h>
#include <config/resource_set.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (64u << 20)

static void warn_unread(struct set_builder *b, const char *path, const char *reason)
{
    set_incomplete(b, path);
    resource_warn(b->query, "daprd load resources error when reading file %s: %s", path, reason);
}

/* What a file holds, up to its size at opening. */
static bool read_whole(int fd, size_t size, struct text *ret_text)
{
    char piece[16384];
    ssize_t got;
    while (ret_text->len < size && (got = read(fd, piece, sizeof piece)) != 0) {
        if (got < 0)
            return false;
        text_add(ret_text, slice_from(piece, (size_t)got));
    }
    return true;
}

static void read_open_file(struct set_builder *b, const char *path, int fd, const struct stat *st)
{
    struct text text = {0};
    if (!S_ISREG(st->st_mode))
        warn_unread(b, path, "it is not a plain file");
    else if (st->st_size > MAX_FILE)
        warn_unread(b, path, "it is larger than 64 MiB");
    else if (!read_whole(fd, MAX_FILE, &text))
        warn_unread(b, path, errno_text(errno).at);
    else
        set_read(b, path, text_slice(&text));
    if (text.at)
        mem_wipe(text.at, text.len);
    text_fini(&text);
}

/* A file that has gone since the folder was read is no matter. */
static void read_file(struct set_builder *b, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);        /* a pipe must not hold us up */
    if (fd >= 0 && fstat(fd, &st) == 0)
        read_open_file(b, path, fd, &st);
    else if (errno != ENOENT)
        warn_unread(b, path, errno_text(errno).at);
    if (fd >= 0)
        close(fd);
}

static void warn_foreign(const struct resource_query *q, const char *name)
{
    static const uint32_t kinds[] = {RESOURCE_COMPONENT, RESOURCE_HTTP_ENDPOINT, RESOURCE_SUBSCRIPTION,
                                     RESOURCE_WORKFLOW_POLICY, RESOURCE_MCP_SERVER};
    resource_warn(q, "A non-YAML resiliency file %s was detected, it will not be loaded", name);
    for (uint32_t i = 0; i < countof(kinds); i++)
        resource_warn(q, "A non-YAML %s file %s was detected, it will not be loaded",
                      resource_kind_name(kinds[i]), name);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void read_entry(struct set_builder *b, const char *folder, const char *name)
{
    struct text path = {0};
    text_adds(&path, folder);
    while (path.len > 1 && path.at[path.len - 1] == '/')
        path.at[--path.len] = 0;
    text_addf(&path, "%s%s", path.at[path.len - 1] == '/' ? "" : "/", name);
    const char *dot = strrchr(name, '.');
    if (is_folder(path.at))
        ;                                       /* one level only */
    else if (dot && (!strcasecmp(dot, ".yaml") || !strcasecmp(dot, ".yml")))
        read_file(b, path.at);
    else
        warn_foreign(b->query, name);
    text_fini(&path);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *e)
{
    return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

static trb_code read_folder(struct set_builder *b, const char *folder, struct trb_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_entry, by_bytes);
    if (count < 0)
        return error_set(err, TRB_NOT_FOUND, "RESOURCES", "open %s: %s", folder,
                         errno_text(errno).at);
    for (int i = 0; i < count; i++) {
        read_entry(b, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return TRB_OK;
}

trb_code resource_set_load(const struct trb_name *folders, uint32_t count, const struct resource_query *query,
                           struct resource_set **ret_set, struct trb_error *err)
{
    struct set_builder b;
    trb_code code = TRB_OK;
    set_begin(&b, query);
    for (uint32_t i = 0; i < count && code == TRB_OK; i++)
        code = read_folder(&b, folders[i].at, err);
    struct resource_set *set = set_finish(&b);
    if (code == TRB_OK)
        *ret_set = set;
    else
        resource_set_destroy(set);
    return code;
}
