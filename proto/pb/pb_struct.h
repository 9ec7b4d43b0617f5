/* pb_struct: JSON as google.protobuf.Struct, encoded: what the slices of that type hold. [any] */
#ifndef PB_PB_STRUCT_H
#define PB_PB_STRUCT_H

#include <base/text.h>
#include <stdbool.h>
#include <trilby/types.h>

#define PB_STRUCT_DEPTH 100u        /* objects and arrays in each other */

/* Adds the object's members to the text; an empty object adds nothing. Numbers become doubles, the
 * only ones a Struct has. false, and the text as it was: no JSON object, or nested too deeply. */
bool pb_struct_from_json(struct trb_slice json_object, struct text *to);

#endif
