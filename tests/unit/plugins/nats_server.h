/* nats_server: a real nats-server with JetStream for a test, that can be killed and started again at the same port with its
 * streams; and questions to its interface, answered as they come. */
#ifndef TEST_NATS_SERVER_H
#define TEST_NATS_SERVER_H

#include "redis_server.h"

struct nats_server {
    uint16_t port;
    pid_t pid;
    char url[48], folder[48];
};

static inline void nats_run(struct nats_server *s)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    s->pid = fork();
    if (!s->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execl("/usr/sbin/nats-server", "nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd", s->folder, (char *)NULL);
        _exit(127);
    }
    for (int turns = 0, fd; (fd = redis_dial(s->port)) < 0 || close(fd); turns++) {
        if (turns > 1000 || waitpid(s->pid, NULL, WNOHANG) == s->pid)
            abort();
        poll(NULL, 0, 10);
    }
}

static inline void nats_start(struct nats_server *s)
{
    *s = (struct nats_server){.port = redis_free_port(), .folder = "/tmp/nats-unit-XXXXXX"};
    if (!mkdtemp(s->folder))
        abort();
    snprintf(s->url, sizeof s->url, "nats://127.0.0.1:%u", s->port);
    nats_run(s);
}

static inline void nats_kill(struct nats_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

static inline void nats_end(struct nats_server *s)
{
    char command[80];
    nats_kill(s);
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    if (system(command))
        abort();
}

/* What JetStream's interface says to a question: the answer's JSON with what precedes it on the line. */
static inline const char *nats_ask(const struct nats_server *s, const char *subject, const char *body)
{
    static char answer[16384];
    int fd = redis_dial(s->port);
    size_t len = 0;
    dprintf(fd, "CONNECT {\"verbose\":false}\r\nSUB answer 1\r\nPUB $JS.API.%s answer %zu\r\n%s\r\n", subject, strlen(body), body);
    answer[0] = 0;
    while (!strstr(answer, "MSG answer") || answer[len - 1] != '\n' || answer[len - 3] != '}') {
        ssize_t got = read(fd, answer + len, sizeof answer - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        answer[len] = 0;
    }
    close(fd);
    return answer;
}

#endif
