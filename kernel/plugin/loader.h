/* loader: from a type to a mapped plugin. [main loop]
 *
 * Code is loaded only from the plugin folders: opened without following links (but an alias, a link
 * to a plain name in the same folder), refused when group or others may write the file or folder. A
 * private copy (memfd) is mapped, so that a file may be replaced while we run; sanitizer builds map
 * the file itself, for their reports. */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include <base/list.h>
#include <trilby/block.h>
#include <trilby/plugin.h>

struct plugin {                              /* counted by its instances and blocks */
    uint32_t magic;
    uint32_t refs;
    struct list link;                        /* all that are mapped, newest first */
    const struct trb_plugin *manifest;
    void *handle;
    int fd;
    char *file;                              /* "state.redis.so" */
    char *path;                              /* the whole of it, for people */
    uint64_t serial;                         /* of this copy, from 1 */
    bool keep_mapped;                        /* misbehaved, or its client library stays */
    bool is_rejected;                        /* nobody starts from it any more */
};
#define PLUGIN_MAGIC 0x504c5547u

void loader_add_folder(const char *folder);  /* searched in this order */
const char *const *loader_folders(uint32_t *ret_count);

/* The newest mapped copy of <name>.so, or a first one. The reference is the caller's. */
trb_code loader_get(struct trb_slice name, struct plugin **ret_plugin, struct trb_error *err);
/* Another copy beside the old one, read anew from the file. */
trb_code loader_copy(struct trb_slice name, struct plugin **ret_plugin, struct trb_error *err);
/* It did not take over, and what has begun in it may hold it for long: the copy before it is the newest again. */
void loader_reject(struct plugin *);
/* It has taken over: nobody starts from another copy any more, even when nothing of this one runs and it goes. */
void loader_prefer(const struct plugin *);
/* A copy that somebody else has made: fd is that of another copy's file (taken; sanitizer builds: none, path
 * is mapped). For a process that runs one component alone. */
trb_code loader_adopt(const char *file, const char *path, int fd, struct plugin **ret_plugin, struct trb_error *err);
/* The files of the plugin folders whose name begins so, each name once, without ".so". */
void loader_each(struct trb_slice prefix, void (*found)(void *arg, struct trb_slice name), void *arg);
struct plugin *plugin_ref(struct plugin *);
struct plugin *plugin_unref(struct plugin *);            /* unmaps the last one, if its manifest allows */
struct list *loader_plugins(void);                       /* of struct plugin.link */

/* The component of a type and version ("v1" and "" mean the default); NULL: it has none such. */
const struct trb_component *plugin_component(const struct plugin *, struct trb_slice type,
                                             struct trb_slice version);

#endif
