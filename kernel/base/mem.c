/* mem: malloc that ends the process when there is nothing left. */
#include <base/check.h>
#include <base/mem.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
    void *at = malloc(size ? size : 1);
    check(at);
    return at;
}

#define SMALL 1024u                 /* up to here malloc has spare pieces at hand, and calloc does not look there */

void *mem_zero(size_t size)
{
    if (size <= SMALL)
        return memset(mem_alloc(size), 0, size);
    void *at = calloc(1, size ? size : 1);
    check(at);
    return at;
}

void *mem_grow(void *old, size_t size)
{
    void *at = realloc(old, size ? size : 1);
    check(at);
    return at;
}

void *mem_copy(const void *from, size_t len)
{
    void *at = mem_alloc(len);
    if (len)
        memcpy(at, from, len);
    return at;
}

char *mem_text(const char *from, size_t len)
{
    char *at = mem_alloc(len + 1);
    if (len)
        memcpy(at, from, len);
    at[len] = 0;
    return at;
}

void mem_wipe(void *at, size_t len)
{
    if (len)
        explicit_bzero(at, len);
}

void *mem_free(void *at)
{
    free(at);
    return NULL;
}

void mem_give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
