/* mosquitto_server: a real mosquitto for a test, that can be killed and started again at the same port with its sessions;
 * and a broker that says and expects just the bytes of the test. */
#ifndef TEST_MOSQUITTO_SERVER_H
#define TEST_MOSQUITTO_SERVER_H

#include "redis_server.h"

struct mosquitto {
    uint16_t port;
    pid_t pid;
    char url[48], folder[48], file[64];
};

static inline void mosquitto_run(struct mosquitto *s)
{
    s->pid = fork();
    if (!s->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", s->file, (char *)NULL);
        _exit(127);
    }
    for (int turns = 0, fd; (fd = redis_dial(s->port)) < 0 || close(fd); turns++) {
        if (turns > 1000 || waitpid(s->pid, NULL, WNOHANG) == s->pid)
            abort();
        poll(NULL, 0, 10);
    }
}

static inline void mosquitto_start(struct mosquitto *s)
{
    *s = (struct mosquitto){.port = redis_free_port(), .folder = "/tmp/mosquitto-unit-XXXXXX"};
    if (!mkdtemp(s->folder))
        abort();
    snprintf(s->url, sizeof s->url, "mqtt://127.0.0.1:%u", s->port);
    snprintf(s->file, sizeof s->file, "%s/conf", s->folder);
    FILE *file = fopen(s->file, "w");
    fprintf(file, "listener %u 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\n"
                  "autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n%s", s->port, s->folder,
            geteuid() ? "" : "user root\n");
    fclose(file);
    mosquitto_run(s);
}

static inline void mosquitto_kill(struct mosquitto *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

static inline void mosquitto_end(struct mosquitto *s)
{
    char path[80];
    mosquitto_kill(s);
    snprintf(path, sizeof path, "%s/mosquitto.db", s->folder);
    unlink(path);
    unlink(s->file);
    rmdir(s->folder);
}

/* ------------------------------------------------------------------------------ byte for byte */
struct peer {
    int door, fd;
    uint16_t port;
    char url[48];
};

static inline void peer_open(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    p->door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(p->door, (void *)&at, sizeof at) || listen(p->door, 8) || getsockname(p->door, (void *)&at, &len))
        abort();
    p->port = ntohs(at.sin_port);
    snprintf(p->url, sizeof p->url, "mqtt://127.0.0.1:%u", p->port);
}

static inline void peer_accept(struct peer *p)
{
    p->fd = accept4(p->door, NULL, NULL, SOCK_CLOEXEC);
}

static inline void peer_say(struct peer *p, const char *bytes, size_t len)
{
    if (write(p->fd, bytes, len) != (ssize_t)len)
        abort();
}

/* The next len bytes, or fewer when no more come within ten seconds. */
static inline size_t peer_hear(struct peer *p, char *to, size_t len)
{
    size_t got = 0;
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    while (got < len && poll(&ready, 1, 10000) == 1) {
        ssize_t n = read(p->fd, to + got, len - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

static inline int peer_is_silent(struct peer *p, int ms)
{
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    return poll(&ready, 1, ms) == 0;
}

#endif
