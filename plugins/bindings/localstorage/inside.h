/* inside: what the files of this folder share. */
#ifndef LOCALSTORAGE_INSIDE_H
#define LOCALSTORAGE_INSIDE_H

#include "files.h"

#define UNFINISHED ".trilby-unfinished-" /* begins the name of a file that is being written */

int files_open_below(const struct files *, const char *path, int flags);
/* From errno: "error <what> <path>: …", or that it is not there. */
trb_code files_failed(const struct files *, const char *what, const char *path, struct trb_error *err);

#endif
