/* xml: the little of XML that Amazon's answers are: elements and text. Attributes, comments and declarations are
 * passed over; no DTD, no entities but the five and numbers. Strict and bounded. [any] */
#ifndef AWS_XML_H
#define AWS_XML_H

#include <base/arena.h>
#include <stdbool.h>

#define XML_DEEPEST 32

#define XML_END 0                       /* of the document, or it is no XML: see is_broken */
#define XML_OPEN 1
#define XML_CLOSE 2
#define XML_TEXT 3                      /* what stands between; not of blanks alone */

struct xml {
    struct trb_slice rest;
    uint32_t depth;
    bool is_broken;
    struct trb_slice open[XML_DEEPEST]; /* names of the elements we are in */
    bool has_close;                     /* <a/> opens and closes */
};

struct xml_token {
    uint32_t kind;
    struct trb_slice raw;               /* a name without prefix; a text as it stands */
};

void xml_begin(struct xml *, struct trb_slice text);
uint32_t xml_next(struct xml *, struct xml_token *);
struct trb_slice xml_text(struct arena *, struct trb_slice raw);        /* entities resolved */
/* The first text of an element of that name, at any depth; absent: at == NULL. */
struct trb_slice xml_find(struct arena *, struct trb_slice text, const char *name);

#endif
