/* redis_server: a real redis-server for a test, that can be stalled, killed and started again at the same
 * port; and a blocking connection to look at what it holds. */
#ifndef TEST_REDIS_SERVER_H
#define TEST_REDIS_SERVER_H

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

struct redis_server {
    uint16_t port;
    pid_t pid;
    char address[32];
    const char *password;
};

static inline int redis_dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!connect(fd, (void *)&to, sizeof to))
        return fd;
    close(fd);
    return -1;
}

static inline uint16_t redis_free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (void *)&at, sizeof at) || getsockname(fd, (void *)&at, &len))
        abort();
    close(fd);
    return ntohs(at.sin_port);
}

static inline void redis_server_run(struct redis_server *s)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    s->pid = fork();
    if (!s->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);       /* a test that ends early leaves none behind */
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
               "--loglevel", "warning", "--dir", "/tmp", "--requirepass", s->password ? s->password : "", (char *)NULL);
        _exit(127);
    }
    for (int turns = 0, fd; (fd = redis_dial(s->port)) < 0 || close(fd); turns++) {
        if (turns > 1000 || waitpid(s->pid, NULL, WNOHANG) == s->pid)
            abort();
        poll(NULL, 0, 10);
    }
}

static inline void redis_server_start(struct redis_server *s, const char *password)
{
    *s = (struct redis_server){.port = redis_free_port(), .password = password};
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", s->port);
    redis_server_run(s);
}

static inline void redis_server_kill(struct redis_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

/* One inline command; the answer as it comes on the wire, CR and LF as "|". */
static inline const char *redis_say(const struct redis_server *s, const char *command)
{
    static _Thread_local char answer[8192];
    int fd = redis_dial(s->port);
    dprintf(fd, "%s\r\nPING\r\n", command);
    size_t len = 0;
    while (!strstr(answer, "+PONG\r\n") || !len) {
        ssize_t got = read(fd, answer + len, sizeof answer - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        answer[len] = 0;
    }
    close(fd);
    char *end = strstr(answer, "+PONG\r\n"), *to = answer;
    if (end)
        *end = 0;
    for (char *at = answer; *at; at++)
        if (*at != '\r')
            *to++ = *at == '\n' ? '|' : *at;
    *to = 0;
    return answer;
}

#endif
