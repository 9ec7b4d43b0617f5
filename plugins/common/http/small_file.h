/* small_file: tokens, keys and certificates that somebody else keeps up to date in a file. Short and local, so
 * that reading them on a loop is fine. [any] */
#ifndef HTTP_SMALL_FILE_H
#define HTTP_SMALL_FILE_H

#include <base/text.h>

#define SMALL_FILE_MOST (1u << 20)

/* Appends the whole file; false: err says why not, after what ("vault: vaultTokenMountPath"). */
bool small_file_read(const char *what, const char *path, struct text *ret, struct trb_error *err);
/* All files under a folder, at most eight levels and 16 MiB. */
bool small_file_walk(const char *what, const char *folder, struct text *ret, struct trb_error *err);
void small_file_wipe(struct text *);    /* and text_fini */

#endif
