/* socket: addresses and descriptors, before they become streams. Private to this folder. [any] */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdint.h>
#include <sys/socket.h>
#include <trilby/types.h>

/* Binds and listens; non-blocking. Forms of address as in listener.h. Sentences as
 * "listen tcp 127.0.0.1:3500: bind: address already in use". */
trb_code socket_listen(struct trb_slice address, uint16_t port, int *ret_fd, struct trb_error *err);
uint16_t socket_port(int fd);
/* Begins to connect. Returns 0, EINPROGRESS, or the errno; the fd is there unless it failed. */
int socket_connect(const struct sockaddr *, socklen_t, int *ret_fd);

#define SOCKET_TEXT 128
/* "127.0.0.1:41234", "[::1]:80", "unix" or a socket's path. Returns its length. */
size_t socket_text(const struct sockaddr *, socklen_t, char ret_text[SOCKET_TEXT]);
size_t socket_peer_text(int fd, char ret_text[SOCKET_TEXT]);
size_t socket_local_text(int fd, char ret_text[SOCKET_TEXT]);
/* "connection refused": what errno means, as the contract's sentences spell it. */
const char *socket_fault(int number);

#endif
