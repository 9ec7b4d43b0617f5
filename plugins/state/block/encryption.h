/* encryption: values of a store that has a key are sealed before they go there, and opened when they come back.
 *
 *     base64(12 bytes nonce, AES-GCM of the value, 16 bytes tag) || name of the secret that holds the key
 *
 * Two keys may open, one seals, so that a key can be replaced. */
#ifndef STATE_ENCRYPTION_H
#define STATE_ENCRYPTION_H

#include <stdbool.h>
#include <trilby/block.h>

struct encryption;

/* document: the component's. *ret NULL: it asks for none. note: NULL, or what is worth a warning. */
trb_code encryption_create(struct trb_slice document, struct encryption **ret, const char **ret_note,
                           struct trb_error *err);
struct encryption *encryption_destroy(struct encryption *);     /* NULL is welcome; returns NULL */

/* is_json: a JSON text is sealed as what it says, any other value as it is written. The result is the request's. */
struct trb_data encryption_seal(const struct encryption *, struct trb_request *, struct trb_data value, bool is_json);
/* false: *ret_fault says why it cannot be opened. */
bool encryption_open(const struct encryption *, struct trb_request *, struct trb_data sealed, struct trb_data *ret_plain,
                     const char **ret_fault);

#endif
