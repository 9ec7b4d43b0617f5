/* replace: components and plugins changed while requests flow: what the admin listener asks for.
 *
 * The new one comes up beside the old one, passes its self-test, takes over, and the old one is drained;
 * when it does not come up or does not pass, the old one stays and err says why. [main loop] */
#ifndef RUNTIME_REPLACE_H
#define RUNTIME_REPLACE_H

#include <base/text.h>
#include <config/component.h>
#include <runtime/runtime.h>
#include <trilby/types.h>

/* Once, on the main loop, never from inside the call. err NULL: it is in force everywhere; the old one
 * may still be draining, which report.h shows. A runtime that ends meanwhile answers with an error. */
typedef void replace_done(void *arg, const struct trb_error *err);

/* The one document of kind Component in yaml takes the place of the component of its name, or joins.
 * file: for error sentences ("(admin)"). */
void replace_component(struct runtime *, const char *file, struct trb_slice yaml, replace_done *, void *arg);
/* From the document that it has now: secrets and properties are resolved anew. TRB_NOT_FOUND: none such. */
void replace_reload(struct runtime *, struct trb_slice name, replace_done *, void *arg);
/* By a document of the resource folders; takes a reference. */
void replace_with(struct runtime *, struct component *, replace_done *, void *arg);
/* Before everything is loaded, when the start waits for each component by itself, or while it stops: err says so. */
bool replace_is_between(const struct runtime *, struct trb_error *err);
bool replace_is_busy(struct runtime *, struct trb_slice name);         /* it is being replaced or swapped */
void replace_remove(struct runtime *, struct trb_slice name, replace_done *, void *arg);
/* Reads the plugin's file again; every component of it and every block in it moves to the new copy, or
 * none does. TRB_NOT_FOUND: it is not loaded. */
void replace_plugin(struct runtime *, struct trb_slice plugin, replace_done *, void *arg);

#endif
