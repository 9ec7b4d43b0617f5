/* trilby/bindings.h: a binding to something outside: output, input, or both. The verbs and structs are
 * in bindings.def.
 *
 * An output binding has invoke and says its operations. An input binding has read: one call, opened once it
 * listens, emit for each event, done or fail when it ends, which cancel asks for. settle brings what the
 * application answered: TRB_ACK with its data, TRB_RETRY with the error, TRB_HELD when the process leaves. */
#ifndef TRILBY_BINDINGS_H
#define TRILBY_BINDINGS_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_BINDINGS_INPUT (1ull << 0)  /* INPUT_BINDING: read */
#define TRB_BINDINGS_OUTPUT (1ull << 1) /* OUTPUT_BINDING: invoke */

#define TRB_DEF <trilby/bindings.def>
#include <trilby/verbs_structs.h>

struct trb_bindings_ops {
    uint32_t size;
    const char *operations; /* "create get delete", in the order clients are told; "*": invoke knows; NULL without it */
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif
