/* stall: a process that stands still, every thread of it, when stall returns: a signal takes effect a while after kill
 * has returned, and a server may answer meanwhile. */
#ifndef TEST_STALL_H
#define TEST_STALL_H

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static inline bool thread_stands_still(int pid, const char *thread)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", pid, thread);
    FILE *f = fopen(path, "re");
    if (!f)
        return true;
    line[fread(line, 1, sizeof line - 1, f)] = 0;
    fclose(f);
    const char *state = strrchr(line, ')');
    return state && state[1] && state[2] == 'T';
}

static inline bool stands_still(int pid)
{
    char path[32];
    bool does = true;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);
    for (struct dirent *e; threads && (e = readdir(threads));)
        does &= e->d_name[0] == '.' || thread_stands_still(pid, e->d_name);
    if (threads)
        closedir(threads);
    return does;
}

static inline void stall(int pid)
{
    kill(pid, SIGSTOP);
    while (!stands_still(pid))
        poll(NULL, 0, 1);
}

#endif
