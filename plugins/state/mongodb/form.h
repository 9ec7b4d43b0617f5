/* form: JSON as a value of BSON and back. Pure: no server.
 *
 * A text is kept as the BSON string of its JSON, quotes included; everything else as what it is, numbers as
 * doubles where those keep every digit. */
#ifndef STATE_MONGODB_FORM_H
#define STATE_MONGODB_FORM_H

#include <base/json.h>
#include <base/text.h>
#include <bson/bson.h>
#include <stdbool.h>

#define FORM_MAX_DEPTH 80u              /* the server's limit is 100, with what stands around a value */

struct form {
    bool is_exact;                      /* read back, every byte is the same */
    bool needs_literal;                 /* a pipeline would take a part of it for an expression */
};

/* Appends the value under the key. false: BSON cannot hold it (nothing sensible was appended). */
bool form_append(bson_t *to, const char *key, struct json_value, struct form *ret_form);
/* Compact JSON of any BSON value. */
void form_json(const bson_iter_t *, struct text *);
/* As encoders of JSON write a double: the fewest digits that read back as the same number. */
#define FORM_NUMBER 40
size_t form_number(double, char ret_text[FORM_NUMBER]);

/* LIKE of SQL as an anchored regular expression; \ takes the meaning of % _ and \. */
void form_like(struct trb_slice pattern, struct text *);

#endif
