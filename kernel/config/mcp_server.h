/* mcp_server: an MCPServer, validated as far as its document goes. Headers, environment and the
 * OAuth secret (clientSecret; in JSON the value of auth.oauth2) are properties of the head. The
 * document itself is read by the workflow block. */
#ifndef CONFIG_MCP_SERVER_H
#define CONFIG_MCP_SERVER_H

#include <config/resource.h>

#define MCP_STREAMABLE_HTTP 1u
#define MCP_SSE 2u
#define MCP_STDIO 3u

struct mcp_server {
    struct resource head;
    uint32_t transport;
    struct trb_name target;                            /* URL, or command */
    bool ignore_errors;
    struct trb_name fault;                             /* MCPServer "x" failed validation: …; absent: none */
};

static inline struct mcp_server *mcp_server_of(struct resource *r)
{
    return r && r->kind == RESOURCE_MCP_SERVER ? (struct mcp_server *)(void *)r : NULL;
}

#endif
