/* wire: the numbers, texts and tables of AMQP 0-9-1, read strictly and written in order. [any]
 *
 * A reader that runs out of bytes is broken, gives zeros and empty texts, and stays so: it is asked once,
 * at the end. */
#ifndef RABBITMQ_WIRE_H
#define RABBITMQ_WIRE_H

#include <base/text.h>
#include <stdbool.h>

#define WIRE_DEPTH 16u                      /* tables in tables */
#define WIRE_SHORT 255u                     /* the longest short text */

struct wire {
    const unsigned char *at;
    size_t left;
    bool broken;
};

/* A field of a table. Integers of every width are in number, texts and tables in text. */
struct wire_value {
    char kind;                              /* as on the wire: t b B s u I i l f d D S A F T V x */
    int64_t number;
    double real;
    struct trb_slice text;
};

struct wire wire_of(struct trb_slice);
uint64_t wire_number(struct wire *, uint32_t bytes);            /* 1, 2, 4 or 8 */
struct trb_slice wire_take(struct wire *, size_t len);
struct trb_slice wire_short(struct wire *);
struct trb_slice wire_long(struct wire *);                      /* a long text, and a table's bytes */
/* The next field of a table's bytes; false at the end, and when it is broken. */
bool wire_field(struct wire *table, struct trb_slice *ret_name, struct wire_value *ret_value);
/* Is it a table to its last byte, tables inside it too? */
bool wire_table_is_whole(struct trb_slice table);

void wire_put(struct text *, uint64_t number, uint32_t bytes);
void wire_put_short(struct text *, struct trb_slice);           /* cut to WIRE_SHORT */
void wire_put_long(struct text *, struct trb_slice);
size_t wire_table_begin(struct text *);                         /* gives what end needs */
void wire_table_end(struct text *, size_t begun);
void wire_put_text(struct text *, const char *name, struct trb_slice value);
void wire_put_int(struct text *, const char *name, int64_t value);
void wire_put_bool(struct text *, const char *name, bool value);

/* --- frames --------------------------------------------------------------------------------------- */
#define WIRE_METHOD 1u
#define WIRE_HEADER 2u
#define WIRE_BODY 3u
#define WIRE_HEARTBEAT 8u
#define WIRE_FRAME_EXTRA 8u                 /* a frame's bytes beside its payload */

struct wire_frame {
    uint32_t kind, channel;
    struct trb_slice payload;
};

/* The bytes the first frame takes; 0: not there yet; -1: no frame, or one longer than max. */
int64_t wire_frame_read(struct trb_slice bytes, uint32_t max, struct wire_frame *ret_frame);
size_t wire_frame_begin(struct text *, uint32_t kind, uint32_t channel);
void wire_frame_end(struct text *, size_t begun);
void wire_frame_head(char to[7], uint32_t kind, uint32_t channel, size_t len);
#define WIRE_FRAME_END ((char)0xce)

#endif
