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

/* Both ends of a line; the child's goes to its number there. */
struct ends {
    int here, there;
};

static bool open_line(struct ends *e, int type)
{
    int fds[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
        return false;
    *e = (struct ends){fds[0], fds[1]};
    return true;
}

static bool has_packets(uint32_t line)
{
    return line == CHILD_LOG - CHILD_CONTROL || line == CHILD_DIAL - CHILD_CONTROL;
}

static void close_lines(struct ends *lines, uint32_t count, bool here)
{
    for (uint32_t i = 0; i < count; i++) {
        close(lines[i].there);
        if (here)
            close(lines[i].here);
    }
}

/* The descriptors to be given away are moved above those they become first, so that none is overwritten. */
static int move_up(int fd, int above)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, above);
    close(fd);
    return moved;
}

static int spawn(struct ends *lines, uint32_t count, int plugin, const char *name, const char *type, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char title[256], links[16];
    snprintf(title, sizeof title, "trilbyd: %s (%s)", name, type);
    snprintf(links, sizeof links, "%u", count - CHILD_LINES);
    char *argv[] = {title, (char *)ISOLATE_WORD, links, (char *)(plugin >= 0 ? "1" : "0"), NULL};
    char **environment = passed_on();
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (uint32_t i = 0; i < count; i++)
        posix_spawn_file_actions_adddup2(&actions, lines[i].there, CHILD_CONTROL + (int)i);
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

trb_code process_spawn(struct plugin *plugin, const char *name, const char *type, struct started *s, struct trb_error *err)
{
    uint32_t count = CHILD_LINES + loop_count(), open = 0;
    struct ends *lines = mem_zero(count * sizeof *lines);
    int number = 0, above = CHILD_CONTROL + (int)count + 1;
    for (; !number && open < count; open += !number)
        number = open_line(&lines[open], has_packets(open) ? SOCK_SEQPACKET : SOCK_STREAM) ? 0 : errno;
    for (uint32_t i = 0; !number && i < count; i++)
        if ((lines[i].there = move_up(lines[i].there, above)) < 0)
            number = errno;
    if (!number)
        number = spawn(lines, count, plugin->fd, name, type, &s->pid);
    close_lines(lines, open, number != 0);
    if (!number) {
        s->control = lines[0].here;
        s->log = lines[1].here;
        s->dial = lines[2].here;
        for (uint32_t i = 0; i < loop_count(); i++)
            s->links[i] = lines[CHILD_LINES + i].here;
    }
    mem_free(lines);
    return number ? error_errno(err, number, "starting the component's process") : TRB_OK;
}
