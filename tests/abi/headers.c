/* The SDK's headers as C11, each included twice, with a component that says as little as possible. */
#include <trilby/bindings.h>
#include <trilby/configuration.h>
#include <trilby/crypto.h>
#include <trilby/lock.h>
#include <trilby/nameresolution.h>
#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/pubsub.h>
#include <trilby/secretstores.h>
#include <trilby/services.h>
#include <trilby/state.h>
#include <trilby/types.h>
#include <trilby/verbs.h>

#include <trilby/bindings.h>
#include <trilby/configuration.h>
#include <trilby/crypto.h>
#include <trilby/lock.h>
#include <trilby/nameresolution.h>
#include <trilby/pubsub.h>
#include <trilby/secretstores.h>
#include <trilby/state.h>

static void answer(void *self, struct trb_call *call, const void *question)
{
    trb_done(call);
}

static const struct trb_state_ops ops = {.size = sizeof ops, .get = answer, .set = answer, .remove = answer};
static const struct trb_component least = {.size = sizeof least, .block = "state", .type = "state.least", .ops = &ops,
                                           .start = answer, .stop = answer, .run = TRB_ANYWHERE};
TRB_PLUGIN("least", "0", "Apache-2.0", &least);
