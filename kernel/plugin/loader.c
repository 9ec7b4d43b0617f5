/* loader: finding, checking, copying and mapping plugins. It calls nothing inside of them. */
#include <base/check.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <loop/loop.h>
#include <plugin/loader.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const char **folders;
static uint32_t folder_count;
static struct list plugins = {&plugins, &plugins};
static uint64_t serial;

void loader_add_folder(const char *folder)
{
    for (uint32_t i = 0; i < folder_count; i++)
        if (!strcmp(folders[i], folder))
            return;
    folders = mem_grow(folders, (folder_count + 1) * sizeof *folders);
    folders[folder_count++] = mem_text(folder, strlen(folder));
}

const char *const *loader_folders(uint32_t *ret_count)
{
    *ret_count = folder_count;
    return folders;
}

struct list *loader_plugins(void)
{
    return &plugins;
}

static bool is_plugin_name(struct trb_slice name)
{
    if (!name.len || name.len > 100 || name.at[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'))
            return false;
    }
    return true;
}

static trb_code check_mode(int fd, const char *what, const char *path, struct trb_error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return error_errno(err, errno, path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(err, TRB_DENIED, "PLUGIN_WRITABLE",
                         "%s %s may be written by group or others: chmod go-w it before code is "
                         "loaded from there", what, path);
    return TRB_OK;
}

/* An alias is a link to a plain name beside it; any other link is refused. */
static int open_beside(int dir, const char *file)
{
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 || errno != ELOOP)
        return fd;
    char target[NAME_MAX + 1];
    ssize_t len = readlinkat(dir, file, target, sizeof target - 1);
    if (len < 0)
        return -1;
    target[len] = 0;
    if (strchr(target, '/')) {
        errno = ELOOP;
        return -1;
    }
    return openat(dir, target, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static trb_code not_opened(const char *folder, const char *file, struct trb_error *err)
{
    if (errno == ENOENT)
        return TRB_NOT_FOUND;
    if (errno == ELOOP)
        return error_set(err, TRB_DENIED, "PLUGIN_LINK",
                         "plugin %s/%s is a link to something else than a file beside it, and is not followed: put the file itself there",
                         folder, file);
    return error_errno(err, errno, file);
}

static trb_code open_in(const char *folder, const char *file, int *ret_fd, struct trb_error *err)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return TRB_NOT_FOUND;
    int fd = open_beside(dir, file);
    if (fd < 0) {
        trb_code code = not_opened(folder, file, err);
        close(dir);
        return code;
    }
    trb_code code = check_mode(dir, "plugin folder", folder, err);
    if (!code)
        code = check_mode(fd, "plugin", file, err);
    close(dir);
    if (code)
        close(fd);
    else
        *ret_fd = fd;
    return code == TRB_NOT_FOUND ? TRB_INTERNAL : code;
}

static trb_code open_plugin(const char *file, int *ret_fd, char **ret_path, struct trb_error *err)
{
    for (uint32_t i = 0; i < folder_count; i++) {
        trb_code code = open_in(folders[i], file, ret_fd, err);
        if (code == TRB_NOT_FOUND)
            continue;
        if (!code && asprintf(ret_path, "%s/%s", folders[i], file) < 0)
            abort();
        return code;
    }
    return error_set(err, TRB_NOT_FOUND, "PLUGIN_NOT_FOUND", "no plugin %s in %s%s", file,
                     folder_count ? folders[0] : "any folder (there is none: --plugins-path)",
                     folder_count > 1 ? " or the other plugin folders" : "");
}

/* The copy keeps the descriptor: the dynamic linker knows a mapping by the path it was opened with. */
static int private_copy(int from, const char *file)
{
#ifdef TRB_SANITIZED
    return from;
#else
    int to = memfd_create(file, MFD_CLOEXEC);
    struct stat st;
    off_t at = 0;
    if (to < 0 || fstat(from, &st)) {
        close(from);
        return -1;
    }
    while (at < st.st_size && sendfile(to, from, &at, (size_t)(st.st_size - at)) > 0)
        ;
    close(from);
    if (at == st.st_size)
        return to;
    close(to);
    errno = EIO;
    return -1;
#endif
}

static trb_code check_manifest(const struct trb_plugin *m, const char *path, struct trb_error *err)
{
    if (m->size < offsetof(struct trb_plugin, blocks))
        return error_set(err, TRB_PRECONDITION, "PLUGIN_ABI",
                         "plugin %s: its manifest has %u bytes, this kernel needs at least %zu: "
                         "build it against the headers of this release", path, m->size,
                         offsetof(struct trb_plugin, blocks));
    if (m->abi_minor > TRB_ABI_MINOR)
        return error_set(err, TRB_PRECONDITION, "PLUGIN_ABI",
                         "plugin %s was built for ABI 1.%u and this kernel speaks 1.%u: use a newer "
                         "kernel or build the plugin against its headers", path, m->abi_minor,
                         TRB_ABI_MINOR);
    for (uint32_t i = 0; TRB_HAS(m, blocks) && m->blocks[i]; i++)
        if (m->blocks[i]->abi != TRB_BLOCK_ABI)
            return error_set(err, TRB_PRECONDITION, "PLUGIN_ABI",
                             "plugin %s: block %s was built for block ABI %u and this kernel speaks "
                             "%u: build it with this kernel", path, m->blocks[i]->name,
                             m->blocks[i]->abi, TRB_BLOCK_ABI);
    return TRB_OK;
}

/* What the dynamic linker says begins with the name it was given, which tells nobody anything. */
static const char *why_not_mapped(const char *name)
{
    const char *why = dlerror();
    size_t len = strlen(name);
    return !strncmp(why, name, len) && !strncmp(why + len, ": ", 2) ? why + len + 2 : why;
}

static trb_code map_plugin(struct plugin *p, struct trb_error *err)
{
    char name[64];
#ifdef TRB_SANITIZED
    snprintf(name, sizeof name, "%s", "");
    p->handle = dlopen(p->path, RTLD_NOW | RTLD_LOCAL);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
#else
    snprintf(name, sizeof name, "/proc/self/fd/%d", p->fd);
    p->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
#endif
    if (!p->handle)
        return error_set(err, TRB_PRECONDITION, "PLUGIN_NOT_LOADABLE", "plugin %s: %s", p->path, why_not_mapped(name));
    p->manifest = dlsym(p->handle, "trilby_plugin_v1");
    if (!p->manifest)
        return error_set(err, TRB_PRECONDITION, "PLUGIN_ABI",
                         "plugin %s exports no trilby_plugin_v1: it is no Trilby plugin, or one for "
                         "another major version", p->path);
    return check_manifest(p->manifest, p->path, err);
}

/* A copy and its instances leave holes behind in memory. Together once, when several go. */
#define GIVE_BACK_NS (1000000000ull / 2)

static void on_give_back(void *unused)
{
    mem_give_back();
}

static void give_back_soon(void)
{
    static struct timer soon;
    if (loop_self() && !timer_is_armed(&soon))
        timer_after(loop_self(), &soon, GIVE_BACK_NS, on_give_back, NULL);
}

static struct plugin *plugin_destroy(struct plugin *p)
{
    list_remove(&p->link);
    if (p->handle)
        give_back_soon();
    bool unmap = p->manifest && (p->manifest->flags & TRB_MAY_UNMAP) && !p->keep_mapped;
#ifdef TRB_SANITIZED
    unmap = false;
#endif
    if (p->handle && unmap)
        dlclose(p->handle);
    if (p->fd >= 0 && (unmap || !p->handle))
        close(p->fd);
    mem_free(p->file);
    free(p->path);
    return mem_free(p);
}

static struct plugin *plugin_create(const char *file)
{
    struct plugin *p = mem_zero(sizeof *p);
    p->magic = PLUGIN_MAGIC;
    p->refs = 1;
    p->fd = -1;
    p->serial = ++serial;
    p->file = mem_text(file, strlen(file));
    list_init(&p->link);
    return p;
}

static trb_code map_new(struct plugin *p, struct plugin **ret_plugin, struct trb_error *err)
{
    trb_code code = map_plugin(p, err);
    if (code) {
        plugin_destroy(p);
        return code;
    }
    list_prepend(&plugins, &p->link);
    *ret_plugin = p;
    return TRB_OK;
}

trb_code loader_copy(struct trb_slice name, struct plugin **ret_plugin, struct trb_error *err)
{
    char file[NAME_MAX];
    int fd = -1;
    if (!is_plugin_name(name))
        return error_set(err, TRB_INVALID, "PLUGIN_NAME", "%.*s is no name of a plugin: [a-z0-9.-] only",
                         SLICE_ARG(name));
    snprintf(file, sizeof file, "%.*s.so", SLICE_ARG(name));
    struct plugin *p = plugin_create(file);
    trb_code code = open_plugin(p->file, &fd, &p->path, err);
    if (!code && (p->fd = private_copy(fd, p->file)) < 0)
        code = error_errno(err, errno, p->path);
    if (!code)
        return map_new(p, ret_plugin, err);
    plugin_destroy(p);
    return code;
}

trb_code loader_adopt(const char *file, const char *path, int fd, struct plugin **ret_plugin, struct trb_error *err)
{
    struct plugin *p = plugin_create(file);
    p->path = strdup(path);
    p->fd = fd;
    return map_new(p, ret_plugin, err);
}

trb_code loader_get(struct trb_slice name, struct plugin **ret_plugin, struct trb_error *err)
{
    list_each(node, &plugins) {
        struct plugin *p = list_item(node, struct plugin, link);
        if (!p->is_rejected && slice_is(slice_from(p->file, strlen(p->file) - 3), name)) {
            *ret_plugin = plugin_ref(p);
            return TRB_OK;
        }
    }
    return loader_copy(name, ret_plugin, err);
}

void loader_reject(struct plugin *p)
{
    p->is_rejected = true;
    list_remove(&p->link);
    list_append(&plugins, &p->link);
}

void loader_prefer(const struct plugin *p)
{
    list_each(node, &plugins) {
        struct plugin *other = list_item(node, struct plugin, link);
        other->is_rejected |= other != p && !strcmp(other->file, p->file);
    }
}

static bool is_in_earlier(const char *file, uint32_t folder)
{
    char path[PATH_MAX];
    for (uint32_t i = 0; i < folder; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], file);
        if (!access(path, F_OK))
            return true;
    }
    return false;
}

void loader_each(struct trb_slice prefix, void (*found)(void *, struct trb_slice), void *arg)
{
    for (uint32_t i = 0; i < folder_count; i++) {
        struct dirent **files = NULL;
        int count = scandir(folders[i], &files, NULL, alphasort);
        for (int n = 0; n < count; n++) {
            struct trb_slice file = slice_of(files[n]->d_name);
            if (slice_starts(file, prefix) && slice_ends(file, SLICE(".so")) && !is_in_earlier(file.at, i))
                found(arg, slice_cut(file, file.len - 3));
            free(files[n]);
        }
        free(files);
    }
}

struct plugin *plugin_ref(struct plugin *p)
{
    checked(p, struct plugin, PLUGIN_MAGIC)->refs++;
    return p;
}

struct plugin *plugin_unref(struct plugin *p)
{
    if (p && !--checked(p, struct plugin, PLUGIN_MAGIC)->refs)
        plugin_destroy(p);
    return NULL;
}

static bool has_type(const struct trb_component *c, struct trb_slice type)
{
    if (slice_is_nocase(slice_of(c->type), type))
        return true;
    for (uint32_t i = 0; c->aliases && c->aliases[i]; i++)
        if (slice_is_nocase(slice_of(c->aliases[i]), type))
            return true;
    return false;
}

const struct trb_component *plugin_component(const struct plugin *p, struct trb_slice type,
                                             struct trb_slice version)
{
    bool first = !version.len || slice_is_nocase(version, SLICE("v1")) || slice_is_nocase(version, SLICE("v0"));
    for (uint32_t i = 0; p->manifest->components && p->manifest->components[i]; i++) {
        const struct trb_component *c = p->manifest->components[i];
        struct trb_slice own = slice_of(c->version);
        bool matches = first ? !own.len || slice_is_nocase(own, SLICE("v1")) : slice_is_nocase(own, version);
        if (matches && has_type(c, type))
            return c;
    }
    return NULL;
}
