// The SDK's headers as C++17: a host of one's own, or a component in C++, may include all of them.
#include <trilby/component.hpp>
#include <trilby/nameresolution.h>
#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/pubsub.h>
#include <trilby/secretstores.h>
#include <trilby/services.h>
#include <trilby/state.h>
#include <trilby/verbs.h>

static void get(void *, trb_call *call, const void *question)
{
    auto q = static_cast<const trb_state_get *>(question);
    trb_state_item item = {};
    item.size = sizeof item;
    item.etag = {q->key.at, q->key.len};
    if (TRB_HAS(call->host, done))
        call->host->done(call, &item, sizeof item);
}

extern trb_verb *const headers_verb;
trb_verb *const headers_verb = get;
