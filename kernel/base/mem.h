/* mem: small allocations that cannot fail. Anything sized by a peer is checked against a limit
 * before it comes here. [any] */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                     /* ends the process when there is none */
void *mem_zero(size_t size);
void *mem_grow(void *old, size_t size);
void *mem_copy(const void *at, size_t len);
char *mem_text(const char *at, size_t len);       /* a copy with a NUL behind it */
void mem_wipe(void *at, size_t len);              /* not optimised away: for secrets */
void *mem_free(void *at);                         /* returns NULL */
void mem_give_back(void);                         /* to the system, what is free; milliseconds: after large changes */

#endif
