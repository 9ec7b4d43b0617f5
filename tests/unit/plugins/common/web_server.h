/* web_server: a server in a thread that reads whole requests and answers what the test has written down for
 * them, byte for byte: half answers, none at all, and lines as they should be. */
#ifndef TEST_WEB_SERVER_H
#define TEST_WEB_SERVER_H

#include <arpa/inet.h>
#include <base/check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WEB_STALL "\1"          /* an answer: nothing more, until the client goes */
#define WEB_DROP "\2"           /* an answer: none, the connection ends */
#define WEB_MOST 40

struct web_server {
    const char *const *answers;         /* one per request; those that close say so */
    int listener;
    _Atomic int count, connections;
    char port[8], base[40];
    char requests[WEB_MOST][4096];
    pthread_t thread;
};

static inline int web_read(int fd, char *room, size_t size)
{
    size_t len = 0, body = 0;
    char *end = NULL, *length;
    room[0] = 0;
    while (!end || len < (size_t)(end - room) + 4 + body) {
        ssize_t got = read(fd, room + len, size - 1 - len);
        if (got <= 0)
            return 0;
        len += (size_t)got;
        room[len] = 0;
        end = strstr(room, "\r\n\r\n");
        if (end && (length = strcasestr(room, "\r\ncontent-length:")))
            body = (size_t)atoi(length + 17);
    }
    return 1;
}

static inline void *web_run(void *arg)
{
    struct web_server *s = arg;
    char rest[64];
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        s->connections++;
        while (s->answers[s->count] && web_read(fd, s->requests[s->count], sizeof s->requests[0])) {
            const char *answer = s->answers[s->count++], *stall = strchr(answer, WEB_STALL[0]);
            if (!strcmp(answer, WEB_DROP))
                break;
            size_t len = stall ? (size_t)(stall - answer) : strlen(answer);
            if (write(fd, answer, len) != (ssize_t)len)
                break;
            if (stall)
                while (read(fd, rest, sizeof rest) > 0)
                    ;
            if (stall || strstr(answer, "close\r\n"))
                break;
        }
        close(fd);
    }
    return NULL;
}

static inline void web_start(struct web_server *s, const char *const *answers)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    memset(s, 0, sizeof *s);
    s->answers = answers;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(!bind(s->listener, (void *)&at, sizeof at) && !listen(s->listener, 16));
    check(!getsockname(s->listener, (void *)&at, &len));
    snprintf(s->port, sizeof s->port, "%u", ntohs(at.sin_port));
    snprintf(s->base, sizeof s->base, "http://127.0.0.1:%s", s->port);
    check(!pthread_create(&s->thread, NULL, web_run, s));
}

/* The client's connections are closed by now. */
static inline void web_stop(struct web_server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

#endif
