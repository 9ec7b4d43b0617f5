/* codec: base64, hex, percent-escapes, UUIDs, quantities: small strict translations. [any] */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stdbool.h>
#include <trilby/types.h>

size_t base64_encoded_len(size_t len, bool pad);
size_t base64_encode(struct trb_slice from, bool pad, char *ret_text);
/* Standard alphabet; padding optional when lenient_pad. Returns false on any other byte.
 * ret_bytes has room for from.len * 3 / 4 + 3. ret_bad: offset of the first bad byte, may be NULL. */
bool base64_decode(struct trb_slice from, bool lenient_pad, char *ret_bytes, size_t *ret_len,
                   size_t *ret_bad);

size_t hex_encode(struct trb_slice from, char *ret_text);             /* lower case */
bool hex_decode(struct trb_slice from, char *ret_bytes);              /* from.len / 2 bytes */

/* Percent-decoding into ret (room from.len); plus: '+' is a blank. false: malformed escape. */
bool percent_decode(struct trb_slice from, bool plus, char *ret, size_t *ret_len);

#define UUID_TEXT 37
void uuid_v4(char ret_text[UUID_TEXT]);                               /* lower case, from getrandom */
void random_bytes(void *ret, size_t len);

/* Kubernetes quantities: 4Mi, 1k, 1.5G, 1e3, -1. false: unparsable. */
bool quantity_parse(struct trb_slice, int64_t *ret_value);

void sha256(struct trb_slice, uint8_t ret_digest[32]);                /* small and slow: for names, not data */

#endif
