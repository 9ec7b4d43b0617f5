/* descriptors: a FileDescriptorSet, searched. [any] */
#ifndef REQUEST_DESCRIPTORS_H
#define REQUEST_DESCRIPTORS_H

#include <stdbool.h>
#include <trilby/types.h>

/* The FileDescriptorProto of that name, or the one that declares the symbol (message, enum, service,
 * method or nested, "package.Name"). at == NULL: none. */
struct trb_slice descriptors_by_name(struct trb_slice set, struct trb_slice file_name);
struct trb_slice descriptors_by_symbol(struct trb_slice set, struct trb_slice symbol);

/* The file, then all that it imports, each once. */
void descriptors_with_imports(struct trb_slice set, struct trb_slice file,
                              void (*give)(void *arg, struct trb_slice file), void *arg);

#endif
