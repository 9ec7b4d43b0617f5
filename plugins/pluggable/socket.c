/* socket: see socket.h. */
#include "socket.h"
#include <base/slice.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

const char *socket_folder(void)
{
    const char *said = getenv("DAPR_COMPONENTS_SOCKETS_FOLDER");
    return said && *said ? said : "/tmp/dapr-components-sockets";
}

struct trb_slice socket_name(struct trb_slice file)
{
    const char *dot = file.len ? memrchr(file.at, '.', file.len) : NULL;
    return dot ? slice_cut(file, (size_t)(dot - file.at)) : file;
}

static mode_t mode_of(const char *file)
{
    struct text path = {0};
    struct stat st;
    text_addf(&path, "%s/%s", socket_folder(), file);
    int failed = stat(path.at, &st);
    text_fini(&path);
    return failed ? 0 : st.st_mode;
}

void socket_each(void (*found)(void *, const char *, bool), void *arg)
{
    struct dirent **files = NULL;
    int count = scandir(socket_folder(), &files, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        mode_t mode = mode_of(files[i]->d_name);
        if (mode && !S_ISDIR(mode))
            found(arg, files[i]->d_name, S_ISSOCK(mode));
        free(files[i]);
    }
    free(files);
}

struct search {
    struct trb_slice name;
    struct text *path;
};

static void look(void *arg, const char *file, bool is_socket)
{
    struct search *s = arg;
    if (is_socket && !s->path->len && slice_is_nocase(socket_name(slice_of(file)), s->name))
        text_addf(s->path, "%s/%s", socket_folder(), file);
}

bool socket_find(struct trb_slice name, struct text *ret_path)
{
    struct search s = {name, ret_path};
    text_clear(ret_path);
    socket_each(look, &s);
    return ret_path->len > 0;
}
