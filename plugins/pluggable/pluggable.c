/* offers.pluggable.so: components that live in other processes and speak gRPC over Unix sockets (Dapr's pluggable
 * components). discover.c finds their types when the process starts; the others serve them, one by kind. */
#include "kinds.h"

TRB_PLUGIN("pluggable", "1.0.0", "Apache-2.0", &pluggable_offers, &pluggable_state, &pluggable_pubsub,
           &pluggable_secretstores, &pluggable_input, &pluggable_output, &pluggable_bindings);
