/* memcached_server: a real memcached for a test, that can be stalled, killed and started again at the same port;
 * and a blocking connection to look at what it holds. */
#ifndef TEST_MEMCACHED_SERVER_H
#define TEST_MEMCACHED_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct memcached_server {
    uint16_t port;
    pid_t pid;
    char address[32];
};

static inline int memcached_dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!connect(fd, (void *)&to, sizeof to))
        return fd;
    close(fd);
    return -1;
}

static inline void memcached_server_run(struct memcached_server *s)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    s->pid = fork();
    if (!s->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);       /* a test that ends early leaves none behind */
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execlp("memcached", "memcached", "-u", getuid() ? "" : "root", "-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "64",
               "-t", "2", (char *)NULL);
        _exit(127);
    }
    for (int turns = 0, fd; (fd = memcached_dial(s->port)) < 0 || close(fd); turns++) {
        if (turns > 1000 || waitpid(s->pid, NULL, WNOHANG) == s->pid)
            abort();
        poll(NULL, 0, 10);
    }
}

static inline void memcached_server_start(struct memcached_server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (void *)&at, sizeof at) || getsockname(fd, (void *)&at, &len))
        abort();
    close(fd);
    *s = (struct memcached_server){.port = ntohs(at.sin_port)};
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", s->port);
    memcached_server_run(s);
}

static inline void memcached_server_kill(struct memcached_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

/* One command; the answer as it comes on the wire, CR and LF as "|". */
static inline const char *memcached_say(const struct memcached_server *s, const char *command)
{
    static _Thread_local char answer[8192];
    int fd = memcached_dial(s->port);
    dprintf(fd, "%s\r\nversion\r\n", command);
    size_t len = 0;
    answer[0] = 0;
    while (!strstr(answer, "VERSION ")) {
        ssize_t got = read(fd, answer + len, sizeof answer - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        answer[len] = 0;
    }
    close(fd);
    char *end = strstr(answer, "VERSION "), *to = answer;
    if (end)
        *end = 0;
    for (char *at = answer; *at; at++)
        if (*at != '\r')
            *to++ = *at == '\n' ? '|' : *at;
    *to = 0;
    return answer;
}

#endif
