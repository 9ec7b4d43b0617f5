/* process: starting the child: this program again, with a cleared environment and no descriptors but the
 * lines to it and the plugin's private copy. */
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <fcntl.h>
#include <isolate/child.h>
#include <isolate/house.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

/* Variables that libraries need to find their files, and what sanitizers are told. */
static bool is_passed_on(const char *variable)
{
    static const char *const names[] = {"TZ=", "LANG=", "LC_ALL=", "SSL_CERT_FILE=", "SSL_CERT_DIR=", "HOME=",
                                        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    for (size_t i = 0; i < countof(names); i++)
        if (!strncmp(variable, names[i], strlen(names[i])))
            return true;
    return false;
}

static char **passed_on(void)
{
    uint32_t count = 0, room = 1;
    for (char **at = environ; *at; at++)
        room++;
    char **kept = mem_zero(room * sizeof *kept);
    for (char **at = environ; *at; at++)
        if (is_passed_on(*at))
            kept[count++] = *at;
    return kept;
}

/* Both ends of what leads there; the child's goes to its number there. */
struct ends {
    int here, there;
};

static bool open_socket(struct ends *e, int type)
{
    int fds[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
        return false;
    *e = (struct ends){fds[0], fds[1]};
    return true;
}

/* A large question passes in one go; where so much is not allowed it stays what it is. */
#define PIPE_BYTES (256 * 1024)

static bool open_pipe(struct ends *e, bool to_child)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
        return false;
    (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES);
    *e = (struct ends){fds[to_child], fds[!to_child]};
    return true;
}

static bool open_end(struct ends *e, uint32_t number)
{
    if (number >= CHILD_SOCKETS)
        return open_pipe(e, (number - CHILD_SOCKETS) % CHILD_PIPES == 0);
    return open_socket(e, number == 0 ? SOCK_STREAM : SOCK_SEQPACKET);
}

static void close_ends(struct ends *ends, uint32_t count, bool here)
{
    for (uint32_t i = 0; i < count; i++) {
        close(ends[i].there);
        if (here)
            close(ends[i].here);
    }
}

/* The descriptors to be given away are moved above those they become first, so that none is overwritten. */
static int move_up(int fd, int above)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, above);
    close(fd);
    return moved;
}

static int spawn(struct ends *ends, uint32_t count, int plugin, const char *name, const char *type, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char title[256], links[16];
    snprintf(title, sizeof title, "trilbyd: %s (%s)", name, type);
    snprintf(links, sizeof links, "%u", (count - CHILD_SOCKETS) / CHILD_PIPES);
    char *argv[] = {title, (char *)ISOLATE_WORD, links, (char *)(plugin >= 0 ? "1" : "0"), NULL};
    char **environment = passed_on();
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (uint32_t i = 0; i < count; i++)
        posix_spawn_file_actions_adddup2(&actions, ends[i].there, CHILD_CONTROL + (int)i);
    if (plugin >= 0)
        posix_spawn_file_actions_adddup2(&actions, plugin, CHILD_CONTROL + (int)count);
    posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_CONTROL + (int)count + (plugin >= 0));
    for (int fd = 0; fd < CHILD_CONTROL; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int number = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    mem_free(environment);
    return number;
}

static void keep_ends(const struct ends *ends, struct started *s)
{
    s->control = ends[0].here;
    s->log = ends[1].here;
    s->dial = ends[2].here;
    for (uint32_t i = 0; i < loop_count(); i++) {
        const struct ends *line = &ends[CHILD_SOCKETS + i * CHILD_PIPES];
        s->links[i] = (struct stream_ends){.in = line[1].here, .out = line[0].here};
    }
}

trb_code process_spawn(struct plugin *plugin, const char *name, const char *type, struct started *s, struct trb_error *err)
{
    uint32_t count = CHILD_SOCKETS + loop_count() * CHILD_PIPES, open = 0;
    struct ends *ends = mem_zero(count * sizeof *ends);
    int number = 0, above = CHILD_CONTROL + (int)count + 1;
    for (; !number && open < count; open += !number)
        number = open_end(&ends[open], open) ? 0 : errno;
    for (uint32_t i = 0; !number && i < count; i++)
        if ((ends[i].there = move_up(ends[i].there, above)) < 0)
            number = errno;
    if (!number)
        number = spawn(ends, count, plugin->fd, name, type, &s->pid);
    close_ends(ends, open, number != 0);
    if (!number)
        keep_ends(ends, s);
    mem_free(ends);
    return number ? error_errno(err, number, "starting the component's process") : TRB_OK;
}
