/* files: which files an isolated component may open, as far as its options say so.
 *
 * Written is what an option names that the component writes (trb_component.writes): a folder and what is beneath
 * it; of a file its folder, as neighbours are made there (x.db-wal). Read is every other path in a value or a
 * default that is there: also of these files the folder, as they are renewed by renaming. */
#ifndef ISOLATE_FILES_H
#define ISOLATE_FILES_H

#include <base/arena.h>
#include <trilby/plugin.h>

/* Pairs of a path and "r" or "w". more: further paths to be written, separated by ','. */
struct trb_pairs files_named(struct arena *, const struct trb_component *real, const struct trb_pairs *properties,
                             struct trb_slice more);

#endif
