/* trilby/configuration.h: a store of settings that change. The verbs and structs are in configuration.def.
 *
 * Mandatory: get, subscribe. A subscription is one call: opened once the product tells of changes, emit for
 * each changed item, done or fail when it ends, which cancel asks for. */
#ifndef TRILBY_CONFIGURATION_H
#define TRILBY_CONFIGURATION_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_DEF <trilby/configuration.def>
#include <trilby/verbs_structs.h>

struct trb_configuration_ops {
    uint32_t size;
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif
