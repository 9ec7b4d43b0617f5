/* landlock: the files that an isolated component's process may open, told to the kernel by hand: libc has no
 * functions for it, and headers are older than kernels. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <errno.h>
#include <fcntl.h>
#include <isolate/child.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RIGHT_REFER (1ull << 13)           /* since version 2: renaming from folder to folder */
#define RIGHT_TRUNCATE (1ull << 14)        /* 3 */
#define RIGHT_IOCTL_DEV (1ull << 15)       /* 5 */

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)
#define WRITE                                                                                                               \
    (WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | RIGHT_REFER)
#define RIGHTS_OF_FIRST ((1ull << 13) - 1)

/* Libraries and what they read, certificates, names, the clock; of /proc only what is its own or everybody's. */
static const char *const always_read[] = {
    "/usr", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store", "/etc", "/etc/resolv.conf", "/etc/hosts", "/etc/localtime",
    "/run/systemd/resolve", "/run/resolvconf", "/var/lib/ca-certificates", "/proc/self", "/proc/sys", "/proc/cpuinfo",
    "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/sys/devices/system", "/sys/kernel/mm", "/sys/fs/cgroup",
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

struct rules {
    int fd;
    uint64_t handled;
};

static long version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool landlock_is_there(void)
{
    return version() > 0;
}

static uint64_t rights_of(long known)
{
    return RIGHTS_OF_FIRST | (known >= 2 ? RIGHT_REFER : 0) | (known >= 3 ? RIGHT_TRUNCATE : 0) | (known >= 5 ? RIGHT_IOCTL_DEV : 0);
}

/* What is not there needs no rule. */
static trb_code allow(const struct rules *r, const char *path, uint64_t rights, struct trb_error *err)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return TRB_OK;
    if (!fstat(fd, &st) && !S_ISDIR(st.st_mode))
        rights &= READ_FILE | WRITE_FILE;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & r->handled, .parent_fd = fd};
    long failed = syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    trb_code code = failed ? error_errno(err, errno, path) : TRB_OK;
    close(fd);
    return code;
}

static trb_code allow_variable(const struct rules *r, const char *name, struct trb_error *err)
{
    const char *path = getenv(name);
    return path ? allow(r, path, READ, err) : TRB_OK;
}

static trb_code allow_own_folder(const struct rules *r, const char *file, struct trb_error *err)
{
    char folder[4096];
    const char *slash = strrchr(file, '/');
    if (!slash || slash == file || (size_t)(slash - file) >= sizeof folder)
        return TRB_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - file), file);
    return allow(r, folder, READ, err);
}

static trb_code allow_needed(const struct rules *r, const char *file, struct trb_error *err)
{
    trb_code code = allow_own_folder(r, file, err);
    for (size_t i = 0; !code && i < countof(always_read); i++)
        code = allow(r, always_read[i], READ, err);
    if (!code)
        code = allow(r, "/dev/null", READ_FILE | WRITE_FILE, err);
    if (!code)
        code = allow_variable(r, "SSL_CERT_FILE", err);
    return code ? code : allow_variable(r, "SSL_CERT_DIR", err);
}

/* Temporary files go to the first folder that may be written: libraries ask for no other right. */
static trb_code allow_named(const struct rules *r, const struct trb_pairs *files, struct trb_error *err)
{
    trb_code code = TRB_OK;
    for (uint32_t i = 0; !code && i < files->count; i++) {
        const struct trb_pair *p = trb_pair_at(files, i);
        bool is_written = slice_is(slice_name(p->value), SLICE("w"));
        if (is_written)
            setenv("TMPDIR", p->key.at, 0);
        code = allow(r, p->key.at, is_written ? READ | WRITE : READ, err);
    }
    return code;
}

trb_code landlock_confine(const struct trb_isolate_setup *s, struct trb_error *err)
{
    struct landlock_ruleset_attr attributes = {.handled_access_fs = rights_of(version())};
    struct rules r = {(int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0), attributes.handled_access_fs};
    if (r.fd < 0)
        return error_errno(err, errno, "confining the files of the component's process");
    trb_code code = allow_needed(&r, s->file.at, err);
    if (!code)
        code = allow_named(&r, &s->files, err);
    if (!code && syscall(SYS_landlock_restrict_self, r.fd, 0))
        code = error_errno(err, errno, "confining the files of the component's process");
    close(r.fd);
    return code;
}
