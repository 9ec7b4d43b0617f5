/* POST /v1.0-alpha1/subtlecrypto/{name}/…, and the Subtle methods: single operations on one key, which release
 * builds of the contract do not offer. grpc-api.md 3.9 */
#include "../crypto_block.h"

struct trb_next subtle_refuse(struct trb_request *rq)
{
    return trb_refuse(rq, &NOT_IMPLEMENTED, "this API is currently not implemented");
}
