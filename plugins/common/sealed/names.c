/* names: the numbers of the manifest and what clients call them. */
#include <base/slice.h>
#include <sealed/inside.h>

static const char *const wraps[] = {"", "A256KW", "A128CBC-NOPAD", "A192CBC-NOPAD", "A256CBC-NOPAD", "RSA-OAEP-256"};
static const char *const ciphers[] = {"", "AES-GCM", "CHACHA20-POLY1305"};

#define COUNT(names) (uint32_t)(sizeof(names) / sizeof(names)[0])

static uint32_t find(const char *const *names, uint32_t count, struct trb_slice name)
{
    for (uint32_t i = 1; i < count; i++)
        if (slice_is_nocase(name, slice_of(names[i])))
            return i;
    return 0;
}

uint32_t sealed_wrap_number(struct trb_slice name)
{
    return slice_is_nocase(name, SLICE("AES"))   ? 1
           : slice_is_nocase(name, SLICE("RSA")) ? 5
                                                 : find(wraps, COUNT(wraps), name);
}

const char *sealed_wrap_name(uint32_t number)
{
    return number && number < COUNT(wraps) ? wraps[number] : NULL;
}

uint32_t sealed_cipher_number(struct trb_slice name)
{
    return find(ciphers, COUNT(ciphers), name);
}
