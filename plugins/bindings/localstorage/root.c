/* root: which folder may be the root, and making it. */
#include "form.h"
#include "inside.h"
#include <base/mem.h>
#include <base/slice.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
    char there[PATH_MAX], real[PATH_MAX] = "", whole[2 * PATH_MAX];
    size_t len = strlen(path);
    memcpy(there, path, len + 1);
    while (len > 1 && !realpath(there, real)) {
        while (len > 1 && there[len - 1] != '/')
            len--;
        len -= len > 1;
        there[len] = 0;
    }
    snprintf(whole, sizeof whole, "%s%s", real, path + (len > 1 ? len : 0));
    return check_root(whole, err);
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
    char given[PATH_MAX] = "", whole[PATH_MAX];
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
