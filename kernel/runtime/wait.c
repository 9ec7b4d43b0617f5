/* wait: one blocking question every 100 ms, for a minute. Nothing else runs in this process. */
#include <arpa/inet.h>
#include <base/clock.h>
#include <runtime/wait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 60
#define PAUSE_MS 100
#define REQUEST_MS 500

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_usec = REQUEST_MS * 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof to))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The status of the answer; 0: none, and why in ret_why. */
static int ask(uint16_t port, char *ret_why, size_t size)
{
    char text[256], line[64] = "";
    int status = 0, fd = connect_to(port);
    int len = snprintf(text, sizeof text, "GET /v1.0/healthz/outbound HTTP/1.1\r\nHost: localhost:%u\r\n"
                       "Connection: close\r\n\r\n", port);
    if (fd < 0 || write(fd, text, (size_t)len) != len || read(fd, line, sizeof line - 1) <= 0)
        snprintf(ret_why, size, "Get \"http://localhost:%u/v1.0/healthz/outbound\": %m", port);
    else if (sscanf(line, "HTTP/1.1 %d", &status) != 1)
        snprintf(ret_why, size, "the answer is no HTTP");
    if (fd >= 0)
        close(fd);
    return status;
}

int wait_for_sidecar(const struct flags *f)
{
    uint64_t until = clock_now_ns() + LIMIT_S * CLOCK_S;
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000l};
    char why[200] = "";
    fprintf(stderr, "Waiting for Dapr to be outbound ready (timeout: %d seconds): "
            "url=http://localhost:%s/v1.0/healthz/outbound\n", LIMIT_S, f->http_port.at);
    uint16_t port = (uint16_t)strtoul(f->http_port.at, NULL, 10);
    while (clock_now_ns() < until) {
        int status = ask(port, why, sizeof why);
        if (status == 204) {
            fprintf(stderr, "Dapr is outbound ready!\n");
            return 0;
        }
        if (status)
            snprintf(why, sizeof why, "status %d", status);
        fprintf(stderr, "Dapr outbound NOT ready yet: %s\n", why);
        nanosleep(&pause, NULL);
    }
    fprintf(stderr, "timeout waiting for Dapr to become outbound ready. Last error: %s\n", why);
    return 0;
}
