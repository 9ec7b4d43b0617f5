/* files: a folder and what lies below it. Nothing that is asked for leads out: links are followed as if the folder
 * were the root of the file system. May block. */
#ifndef LOCALSTORAGE_FILES_H
#define LOCALSTORAGE_FILES_H

#include <base/text.h>
#include <trilby/plugin.h>

struct files {
    char *root;                            /* absolute, links resolved */
    int fd;
};

/* Makes the folder when it is not there. */
trb_code files_open(struct files *, const char *path, struct trb_error *err);
void files_close(struct files *);

/* path: below the root, clean. */
trb_code files_write(const struct files *, const char *path, struct trb_slice bytes, struct trb_error *err);
/* A descriptor of a plain file, and its size; -1: err. */
int files_read(const struct files *, const char *path, uint64_t *ret_size, struct trb_error *err);
trb_code files_remove(const struct files *, const char *path, struct trb_error *err);
/* All files below (or the one file), by their absolute paths, as a JSON array. */
trb_code files_list(const struct files *, const char *path, struct text *ret_json, struct trb_error *err);

#endif
