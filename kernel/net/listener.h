/* listener: a bound address whose connections are spread over the loops.
 *
 * Every loop watches the same socket (EPOLLEXCLUSIVE); a connection lives on the loop that took it.
 * listener_open is [main] before or while loops run; listener_close is [main] and asynchronous. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <net/http.h>

struct listener;
struct tls_context;

/* address: "127.0.0.1", "[::1]", "" (all), or "unix:/path" (mode 0600 unless given otherwise by umask).
 * port 0: the kernel chooses; listener_port tells. tls NULL: cleartext. setup is copied. */
trb_code listener_open(struct trb_slice address, uint16_t port, const struct http_server_setup *setup,
                       struct tls_context *tls, struct listener **ret_listener, struct trb_error *err);

/* Only binds and listens (connections queue in the kernel); listener_serve starts taking them. */
trb_code listener_bind(struct trb_slice address, uint16_t port, struct listener **ret_listener,
                       struct trb_error *err);
void listener_serve(struct listener *, const struct http_server_setup *setup, struct tls_context *tls);

uint16_t listener_port(const struct listener *);
uint32_t listener_connections(const struct listener *);

/* Stops accepting; lets running exchanges finish (HTTP/1: Connection: close; HTTP/2: GOAWAY in two
 * steps); closes idle connections at once; calls done on the calling loop when the last one is gone. */
void listener_drain(struct listener *, void (*done)(void *arg), void *arg);
/* Cuts what is left. After done (or instead of drain). Frees the listener. */
void listener_close(struct listener *, void (*done)(void *arg), void *arg);

#endif
