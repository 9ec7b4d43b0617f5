/* guard: who may speak to the admin listener. Private to this folder. */
#ifndef ADMIN_GUARD_H
#define ADMIN_GUARD_H

#include <net/http.h>

struct guard {
    bool is_unix;
    char token[257];                       /* TCP: as the file has it, outer blanks cut */
    size_t token_len;
};

/* Reads the token file: a plain file of ours that nobody else can read. */
trb_code guard_read_token(struct guard *, const char *path, struct trb_error *err);
/* false: *err says why not; 403 or 401 by its code. [loop] */
bool guard_admits(const struct guard *, struct exchange *, struct trb_error *err);
void guard_wipe(struct guard *);

#endif
