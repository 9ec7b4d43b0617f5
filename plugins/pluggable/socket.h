/* socket: the folder in which components of other processes have their sockets. */
#ifndef PLUGGABLE_SOCKET_H
#define PLUGGABLE_SOCKET_H

#include <base/text.h>
#include <stdbool.h>

const char *socket_folder(void);                /* DAPR_COMPONENTS_SOCKETS_FOLDER, or /tmp/dapr-components-sockets */
struct trb_slice socket_name(struct trb_slice file);        /* without its last extension */
/* The socket whose name, without its extension, is that one, letter case ignored; false: none. */
bool socket_find(struct trb_slice name, struct text *ret_path);
/* One after the other in the order of their names: a socket, or another file that is not a folder. */
void socket_each(void (*found)(void *arg, const char *file, bool is_socket), void *arg);

#endif
