/* http2_memory: where nghttp2 gets its memory. A stream is some twenty small pieces that come and go together; pieces
 * of the usual sizes wait in their thread for the next stream, where malloc would part and join them again and again.
 * A sanitizer build keeps none, so that a late use is found. [loop] */
#ifndef NET_HTTP2_MEMORY_H
#define NET_HTTP2_MEMORY_H

#include <nghttp2/nghttp2.h>

nghttp2_mem *http2_memory(void);

#endif
