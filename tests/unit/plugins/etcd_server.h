/* etcd_server: a real etcd for a test, that can be stalled, killed and started again at the same port with what it
 * held. */
#ifndef TEST_ETCD_SERVER_H
#define TEST_ETCD_SERVER_H

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

struct etcd_server {
    uint16_t port, peer;
    pid_t pid;
    char address[32], folder[64];
};

static inline int etcd_dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!connect(fd, (void *)&to, sizeof to))
        return fd;
    close(fd);
    return -1;
}

static inline uint16_t etcd_free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (void *)&at, sizeof at) || getsockname(fd, (void *)&at, &len))
        abort();
    close(fd);
    return ntohs(at.sin_port);
}

static inline void etcd_server_run(struct etcd_server *s)
{
    char client[40], peer[40], cluster[60];
    snprintf(client, sizeof client, "http://127.0.0.1:%u", s->port);
    snprintf(peer, sizeof peer, "http://127.0.0.1:%u", s->peer);
    snprintf(cluster, sizeof cluster, "default=%s", peer);
    s->pid = fork();
    if (!s->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);       /* a test that ends early leaves none behind */
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execlp("etcd", "etcd", "--data-dir", s->folder, "--listen-client-urls", client, "--advertise-client-urls", client,
               "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
               "--unsafe-no-fsync=true", (char *)NULL);
        _exit(127);
    }
    for (int turns = 0, fd; (fd = etcd_dial(s->port)) < 0 || close(fd); turns++) {
        if (turns > 3000 || waitpid(s->pid, NULL, WNOHANG) == s->pid)
            abort();
        poll(NULL, 0, 10);
    }
}

static inline void etcd_server_start(struct etcd_server *s)
{
    *s = (struct etcd_server){.port = etcd_free_port(), .folder = "/tmp/etcd-unit-XXXXXX"};
    s->peer = etcd_free_port();
    if (!mkdtemp(s->folder))
        abort();
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", s->port);
    etcd_server_run(s);
}

static inline void etcd_server_kill(struct etcd_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

static inline void etcd_server_end(struct etcd_server *s)
{
    char command[96];
    etcd_server_kill(s);
    snprintf(command, sizeof command, "rm -rf %s", s->folder);
    if (system(command))
        abort();
}

#endif
