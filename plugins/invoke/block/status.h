/* status: google.rpc.Status, made of an HTTP app's failure, and as JSON for an HTTP client. Pure. */
#ifndef INVOKE_STATUS_H
#define INVOKE_STATUS_H

#include <base/text.h>

/* The whole message: code, text, and an ErrorInfo with the HTTP status and the beginning of the body. */
void status_of_http(struct text *, trb_code, struct trb_slice text, uint32_t http_status, struct trb_slice body);

/* {"code":5,"message":"…","details":[…]}; what is empty is left out. details: the whole message, or absent. */
void status_json(struct text *, trb_code, struct trb_slice message, struct trb_slice details);

#endif
