/* trilby/nameresolution.h: from an app id to an address. The verbs and structs are in
 * nameresolution.def. A component that cannot find an app fails with TRB_NOT_FOUND. */
#ifndef TRILBY_NAMERESOLUTION_H
#define TRILBY_NAMERESOLUTION_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_DEF <trilby/nameresolution.def>
#include <trilby/verbs_structs.h>

struct trb_nameresolution_ops {
    uint32_t size;
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif
