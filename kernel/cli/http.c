/* http.c: connect, write, read until the answer is whole.
 * Not a full reader of HTTP: the peer is the sidecar of the same user on the same machine. */
#include "cli/http.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_ANSWER = 8 * 1024 * 1024 };

static bool is_wildcard(const char *address)
{
    static const char *const any[] = {"", "0.0.0.0", "::", "localhost"};
    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        if (!strcmp(address, any[i]))
            return true;
    return false;
}

void http_place_init(struct http_place *place, const char *socket_folder, const char *app_id,
                     const char *listen_addresses, int port)
{
    *place = (struct http_place){.port = port};
    if (socket_folder && *socket_folder)
        snprintf(place->socket, sizeof place->socket, "%s/dapr-%s-http.socket", socket_folder,
                 app_id);
    const char *first = listen_addresses ? listen_addresses : "";
    first += *first == '[';
    snprintf(place->address, sizeof place->address, "%.*s", (int)strcspn(first, ",]"), first);
    if (is_wildcard(place->address))
        strcpy(place->address, "127.0.0.1");
}

static int close_quietly(int fd)                    /* errno stays */
{
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int connect_socket(const char *path)
{
    struct sockaddr_un peer = {.sun_family = AF_UNIX};
    memcpy(peer.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof peer))
        return close_quietly(fd);
    return fd;
}

static int connect_port(const char *address, int port)
{
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo want = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                            .ai_socktype = SOCK_STREAM};
    struct addrinfo *peer = NULL;
    if (getaddrinfo(address, service, &want, &peer)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = socket(peer->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, peer->ai_addr, peer->ai_addrlen) && errno != EINPROGRESS)
        fd = close_quietly(fd);
    freeaddrinfo(peer);
    return fd;
}

static void finish(struct http_call *call, int status)
{
    if (call->fd >= 0)
        close(call->fd);
    call->fd = -1;
    call->status = status;
    call->step = HTTP_DONE;
}

static void give_up(struct http_call *call, int error)
{
    call->error = error;
    finish(call, 0);
}

static void write_api_headers(struct http_call *call, const char *body)
{
    const char *token = getenv("DAPR_API_TOKEN");
    if (token && *token && !strpbrk(token, "\r\n"))
        text_add(&call->out, "dapr-api-token: %s\r\n", token);
    if (body)
        text_add(&call->out, "Content-Type: text/plain\r\n");
}

static void write_admin_headers(struct http_call *call, const struct http_place *place,
                                const char *body)
{
    text_add(&call->out, "X-Trilby-Admin: 1\r\n");
    if (place->token)
        text_add(&call->out, "Authorization: Bearer %s\r\n", place->token);
    if (body)
        text_add(&call->out, "Content-Type: application/%s\r\n", *body == '{' ? "json" : "yaml");
}

static void write_request(struct http_call *call, const struct http_place *place,
                          const char *method, const char *path, const char *body)
{
    text_add(&call->out, "%s %s HTTP/1.1\r\nConnection: close\r\n", method, path);
    if (*place->socket)
        text_add(&call->out, "Host: unix\r\n");
    else
        text_add(&call->out, strchr(place->address, ':') ? "Host: [%s]:%d\r\n" : "Host: %s:%d\r\n",
                 place->address, place->port);
    if (place->is_admin)
        write_admin_headers(call, place, body);
    else
        write_api_headers(call, body);
    if (body)
        text_add(&call->out, "Content-Length: %zu\r\n", strlen(body));
    text_add(&call->out, "\r\n%s", body ? body : "");
}

void http_start(struct http_call *call, const struct http_place *place, const char *method,
                const char *path, const char *body, int timeout_ms)
{
    *call = (struct http_call){.step = HTTP_SENDING,
                               .deadline_ms = clock_now_ms() + (uint64_t)timeout_ms};
    write_request(call, place, method, path, body);
    call->fd =
        *place->socket ? connect_socket(place->socket) : connect_port(place->address, place->port);
    if (call->fd < 0)
        give_up(call, errno);
}

short http_events(const struct http_call *call)
{
    return call->step == HTTP_SENDING ? POLLOUT : POLLIN;
}

static void send_more(struct http_call *call)
{
    ssize_t len =
        send(call->fd, call->out.at + call->sent, call->out.len - call->sent, MSG_NOSIGNAL);
    if (len < 0 && errno != EAGAIN && errno != EINTR) {
        give_up(call, errno);
        return;
    }
    call->sent += len > 0 ? (size_t)len : 0;
    if (call->sent == call->out.len)
        call->step = HTTP_READING;
}

/* A header's value within the answer's head, or NULL; it ends at the line's end. */
static const char *header(const struct text *in, const char *head_end, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(in->at, "\r\n"); line && line < head_end;
         line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, len) && line[2 + len] == ':')
            return line + 3 + len + strspn(line + 3 + len, " ");
    return NULL;
}

/* Chunks into one body; false while the last one has not come. */
static bool unchunk(const char *at, const char *end, struct text *ret_body)
{
    struct text body = {0};
    for (;;) {
        char *after;
        unsigned long len = strtoul(at, &after, 16);
        const char *data = strstr(after, "\r\n");
        if (after == at || !data)
            break;
        if (!len) {
            *ret_body = body;
            return true;
        }
        if (len > (size_t)(end - data) || (size_t)(end - data) - len < 4)
            break;
        text_add_bytes(&body, data + 2, len);
        at = data + 2 + len + 2;
    }
    text_fini(&body);
    return false;
}

static bool is_whole(struct http_call *call, bool is_closed, int *ret_status)
{
    const char *head_end = call->in.at ? strstr(call->in.at, "\r\n\r\n") : NULL;
    if (!head_end || sscanf(call->in.at, "HTTP/1.%*1[01] %3d", ret_status) != 1)
        return false;
    const char *body = head_end + 4, *end = call->in.at + call->in.len;
    const char *length = header(&call->in, head_end, "content-length");
    const char *coding = header(&call->in, head_end, "transfer-encoding");
    if (coding && !strncasecmp(coding, "chunked", 7))
        return unchunk(body, end, &call->body);
    size_t want = length ? strtoul(length, NULL, 10) : 0;
    bool is_bare = *ret_status == 204 || *ret_status == 304;
    if (!is_bare && (length ? (size_t)(end - body) < want : !is_closed))
        return false;
    text_add_bytes(&call->body, body, is_bare ? 0 : length ? want : (size_t)(end - body));
    return true;
}

static void read_more(struct http_call *call)
{
    char piece[16384];
    ssize_t len = recv(call->fd, piece, sizeof piece, 0);
    int error = len < 0 ? errno : ECONNRESET;
    if (len < 0 && (error == EAGAIN || error == EINTR))
        return;
    if (len > 0)
        text_add_bytes(&call->in, piece, (size_t)len);
    int status = 0;
    if (is_whole(call, len <= 0, &status))
        finish(call, status);
    else if (len <= 0)
        give_up(call, error);
    else if (call->in.len > MAX_ANSWER)
        give_up(call, EMSGSIZE);
}

void http_go_on(struct http_call *call)
{
    if (call->step == HTTP_SENDING)
        send_more(call);
    else if (call->step == HTTP_READING)
        read_more(call);
    if (call->step != HTTP_DONE && clock_now_ms() >= call->deadline_ms)
        give_up(call, ETIMEDOUT);
}

void http_fini(struct http_call *call)
{
    if (call->step != HTTP_IDLE)
        finish(call, 0);
    text_fini(&call->out);
    text_fini(&call->in);
    text_fini(&call->body);
    *call = (struct http_call){.fd = -1};
}

int http_ask(struct http_call *call, const struct http_place *place, const char *method,
             const char *path, const char *body, int timeout_ms)
{
    http_start(call, place, method, path, body, timeout_ms);
    while (call->step != HTTP_DONE) {
        struct pollfd wait = {.fd = call->fd, .events = http_events(call)};
        uint64_t now = clock_now_ms();
        poll(&wait, 1, call->deadline_ms > now ? (int)(call->deadline_ms - now) : 0);
        http_go_on(call);
    }
    return call->status;
}
