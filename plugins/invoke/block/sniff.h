/* sniff: what the first bytes of a body without a type look like, by the MIME Sniffing Standard. */
#ifndef INVOKE_SNIFF_H
#define INVOKE_SNIFF_H

#include <trilby/types.h>

#define SNIFF_BYTES 512u                   /* more are not looked at */

struct trb_slice sniff(struct trb_slice first);

#endif
