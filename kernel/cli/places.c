/* places.c: a fixed order of candidates, the first that exists wins.
 * Not a search through the system: what is found can be told from this file alone. */
#include "cli/places.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *path)
{
    struct stat found;
    return !stat(path, &found) && S_ISREG(found.st_mode) && !access(path, X_OK);
}

bool place_is_directory(const char *path)
{
    struct stat found;
    return !stat(path, &found) && S_ISDIR(found.st_mode);
}

/* The first program of a list; the list is used up. */
static char *first_program(struct words *candidates)
{
    char *found = NULL;
    for (size_t i = 0; !found && i < candidates->count; i++)
        if (is_program(candidates->at[i]))
            found = text_copy(candidates->at[i]);
    return found;
}

static void add_own_folder(struct words *candidates)
{
    char own[4096];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    if (len <= 0)
        return;
    own[len] = '\0';
    *strrchr(own, '/') = '\0';
    words_addf(candidates, "%s/trilbyd", own);
}

static void add_runtime(struct words *candidates, const char *root)
{
    static const char *const tails[] = {
        "/.trilby/bin/trilbyd", "/.dapr/bin/trilbyd", "/.dapr/bin/daprd",
        "/bin/trilbyd",         "/trilbyd",           "",
    };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        words_addf(candidates, "%s%s", root, tails[i]);
}

static void add_search_path(struct words *candidates)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at;) {
        size_t len = strcspn(at, ":");
        if (len)
            words_addf(candidates, "%.*s/trilbyd", (int)len, at);
        at += len + (at[len] == ':');
    }
}

char *place_of_sidecar(const char *runtime_path, struct reason *why)
{
    struct words candidates = {0};
    if (runtime_path)
        add_runtime(&candidates, runtime_path);
    else
        add_own_folder(&candidates);
    if (!runtime_path && getenv("HOME"))
        words_addf(&candidates, "%s/.trilby/bin/trilbyd", getenv("HOME"));
    if (!runtime_path)
        add_search_path(&candidates);
    char *found = first_program(&candidates);
    if (!found && runtime_path)
        reason_set(why, "no sidecar program (trilbyd) in the runtime path %s", runtime_path);
    else if (!found)
        reason_set(
            why,
            "cannot find the sidecar program: no trilbyd beside trilby, in ~/.trilby/bin or in "
            "PATH; name its folder with --runtime-path");
    words_fini(&candidates);
    return found;
}

char *place_of_default(const char *runtime_path, const char *name)
{
    static const char *const folders[] = {".trilby", ".dapr"};
    const char *root = runtime_path ? runtime_path : getenv("HOME");
    for (size_t i = 0; root && i < sizeof folders / sizeof *folders; i++) {
        char *path = text_format("%s/%s/%s", root, folders[i], name);
        if (!access(path, R_OK))
            return path;
        free(path);
    }
    return NULL;
}
