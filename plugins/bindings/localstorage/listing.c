/* listing: all files below a folder, in the order of their names. */
#include "inside.h"
#include <base/mem.h>
#include <base/slice.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
    int fd = files_open_below(l->files, path.at, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return errno == ENOENT ? TRB_OK : files_failed(l->files, "listing", path.at, err);
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
    int fd = files_open_below(f, path, O_PATH);
    if (fd < 0 || fstat(fd, &st))
        return fd >= 0 ? (close(fd), files_failed(f, "listing", path, err)) : files_failed(f, "listing", path, err);
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
