/* socketpair_rtt: what a question and its answer between two processes cost at the least: a hundred bytes each
 * way over a pair of Unix sockets, blocking. The yardstick of isolated components.
 *
 *     socketpair_rtt SECONDS              prints microseconds per round trip, and those of CPU in both
 *
 * Built and run by tests/bench. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double spent(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void answer(int fd)
{
    char bytes[100];
    while (read(fd, bytes, sizeof bytes) == sizeof bytes && write(fd, bytes, sizeof bytes) == sizeof bytes)
        continue;
    _exit(0);
}

int main(int argc, char **argv)
{
    int fds[2];
    char bytes[100] = {0};
    long trips = 0;
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
        return 1;
    pid_t child = fork();
    if (!child) {
        close(fds[0]);
        answer(fds[1]);
    }
    close(fds[1]);
    double began = now();
    for (; now() - began < seconds; trips++)
        if (write(fds[0], bytes, sizeof bytes) != sizeof bytes || read(fds[0], bytes, sizeof bytes) != sizeof bytes)
            return 1;
    double took = now() - began;
    close(fds[0]);
    waitpid(child, NULL, 0);
    printf("%.3f %.3f\n", took * 1e6 / (double)trips, (spent(RUSAGE_SELF) + spent(RUSAGE_CHILDREN)) * 1e6 / (double)trips);
    return 0;
}
