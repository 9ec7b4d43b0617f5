/* changes: inotify on every folder, and a timer that says when a burst is over, behind one descriptor. */
#include <base/clock.h>
#include <base/error.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/changes.h>
#include <config/errno_text.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS (IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB)
#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
#define LONGEST_NS (100 * CHANGES_QUIET_NS)    /* a file that never rests does not hide the others */

struct folder {
    int watch;
    char *path;
    dev_t device;                              /* which folder had that path when it was watched */
    ino_t number;
};

struct changes {
    int inotify_fd, timer_fd, epoll_fd;
    struct folder *folders;
    uint32_t folder_count;
    struct map files;                          /* of the burst: paths */
    uint64_t began_ns;                         /* 0: no burst */
    bool is_lost;
};

/* ----------------------------------------------------------------------------- setting it up */
static bool join(struct changes *c, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    return fd >= 0 && epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

static trb_code refuse(struct trb_error *err, const char *folder)
{
    struct errno_text why = errno_text(errno);
    if (!folder)
        return error_set(err, TRB_INTERNAL, "WATCHER", "failed to create watcher: %s", why.at);
    return error_set(err, errno == ENOENT ? TRB_NOT_FOUND : TRB_INTERNAL, "WATCHER",
                     "failed to create watcher: failed to add target %s: %s", folder, why.at);
}

static trb_code open_all(struct changes *c, const struct trb_name *folders, uint32_t count,
                         struct trb_error *err)
{
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (!join(c, c->inotify_fd) || !join(c, c->timer_fd))
        return refuse(err, NULL);
    c->folders = mem_zero((count + 1) * sizeof c->folders[0]);
    for (uint32_t i = 0; i < count; i++) {
        struct stat st = {0};
        (void)stat(folders[i].at, &st);        /* before, so that one that changes in between counts as moved */
        int watch = inotify_add_watch(c->inotify_fd, folders[i].at, EVENTS | GONE | IN_ONLYDIR);
        if (watch < 0)
            return refuse(err, folders[i].at);
        c->folders[c->folder_count++] = (struct folder){watch, mem_text(folders[i].at, folders[i].len), st.st_dev, st.st_ino};
    }
    return TRB_OK;
}

trb_code changes_watch(const struct trb_name *folders, uint32_t count, struct changes **ret_changes,
                       struct trb_error *err)
{
    struct changes *c = mem_zero(sizeof *c);
    c->epoll_fd = c->inotify_fd = c->timer_fd = -1;
    trb_code code = open_all(c, folders, count, err);
    if (code == TRB_OK)
        *ret_changes = c;
    else
        changes_destroy(c);
    return code;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

struct changes *changes_destroy(struct changes *c)
{
    if (!c)
        return NULL;
    close_fd(c->inotify_fd);
    close_fd(c->timer_fd);
    close_fd(c->epoll_fd);
    for (uint32_t i = 0; i < c->folder_count; i++)
        mem_free(c->folders[i].path);
    mem_free(c->folders);
    map_fini(&c->files);
    mem_free(c);
    return NULL;
}

int changes_fd(const struct changes *c)
{
    return c->epoll_fd;
}

bool changes_have_moved(const struct changes *c)
{
    for (uint32_t i = 0; i < c->folder_count; i++) {
        const struct folder *f = &c->folders[i];
        struct stat st;
        if (stat(f->path, &st) || st.st_dev != f->device || st.st_ino != f->number)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------ what happened */
static void note_file(struct changes *c, const struct inotify_event *e)
{
    struct text path = {0};
    for (uint32_t i = 0; i < c->folder_count; i++)
        if (c->folders[i].watch == e->wd) {
            text_adds(&path, c->folders[i].path);
            break;
        }
    if (e->len)
        text_addf(&path, "/%s", e->name);
    text_add(&path, SLICE(""));
    map_set(&c->files, text_slice(&path), c);
    text_fini(&path);
}

static void note(struct changes *c, const struct inotify_event *e)
{
    if (e->mask & GONE)
        c->is_lost = true;
    else
        note_file(c, e);                       /* a queue that ran over is a change, too */
}

/* true: something has happened. */
static bool read_events(struct changes *c)
{
    char bytes[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;
    bool any = false;
    while ((len = read(c->inotify_fd, bytes, sizeof bytes)) > 0) {
        any = true;
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *e = (const void *)(bytes + at);
            note(c, e);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    return any;
}

static void wait_for_quiet(struct changes *c)
{
    uint64_t now = clock_now_ns(), ns = CHANGES_QUIET_NS;
    if (!c->began_ns)
        c->began_ns = now;
    if (now + ns > c->began_ns + LONGEST_NS)
        ns = c->began_ns + LONGEST_NS > now ? c->began_ns + LONGEST_NS - now : 1;
    struct itimerspec when = {.it_value = {.tv_nsec = (long)ns}};
    timerfd_settime(c->timer_fd, 0, &when, NULL);
}

static void tell(struct changes *c, void (*file)(void *arg, const char *path), void *arg)
{
    uint32_t i = 0;
    struct map_entry *e;
    while (file && (e = map_next(&c->files, &i)))
        file(arg, e->key.at);
    map_fini(&c->files);
    c->files = (struct map){0};
    c->began_ns = 0;
}

bool changes_read(struct changes *c, void (*file)(void *arg, const char *path), void *arg, bool *ret_lost)
{
    uint64_t ticks;
    bool is_over = read(c->timer_fd, &ticks, sizeof ticks) == sizeof ticks;
    if (read_events(c) && !is_over)
        wait_for_quiet(c);
    *ret_lost = c->is_lost;
    if (is_over)
        tell(c, file, arg);
    return is_over;
}
