/* house_log: what an isolated component's process says in the log, written into ours. */
#include <base/log.h>
#include <base/slice.h>
#include <isolate/house.h>
#include <unistd.h>

#define LINES_A_TURN 64

/* One line, from a stranger: nothing in it may look like another line. */
static void write_line(struct house *h, char *line, size_t len)
{
    uint32_t level = (uint8_t)line[0] <= LOG_ERROR ? (uint8_t)line[0] : LOG_ERROR;
    while (len > 1 && (unsigned char)line[len - 1] <= ' ')
        len--;
    for (size_t i = 1; i < len; i++)
        if ((unsigned char)line[i] < ' ' && line[i] != '\t')
            line[i] = ' ';
    log_fields(level, "dapr.contrib", slice_from(line + 1, len - 1), NULL, 0);
}

void house_read_log(void *arg, uint32_t what)
{
    struct house *h = arg;
    char line[8192];
    for (int i = 0; i < LINES_A_TURN; i++) {
        ssize_t len = read(h->log_fd, line, sizeof line);
        if (len > 1)
            write_line(h, line, (size_t)len);
        else if (len == 0)
            return watch_end(&h->log);
        else if (len < 0)
            return;
    }
}
