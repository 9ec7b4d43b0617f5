/* flags_check_ports: ports are texts on the command line, and numbers behind this. */
#include <base/error.h>
#include <base/slice.h>
#include <config/flags_check.h>

/* A port beyond 65535 is a number like any other here: listening on it will fail. */
static uint32_t port_of(int64_t number)
{
    return number < 0 || number > UINT32_MAX ? 65536 : (uint32_t)number;
}

static trb_code read_port(struct checking *c, const char *what, struct trb_name text, uint32_t *ret_port)
{
    int64_t port;
    struct text why = {0};
    trb_code code = TRB_OK;
    if (!flag_atoi(slice_name(text), &port, &why))
        code = flags_refuse(c, "error parsing %s: %s", what, why.at);
    else
        *ret_port = port_of(port);
    text_fini(&why);
    return code;
}

static trb_code read_optional_port(struct checking *c, const char *what, struct trb_name text,
                                   uint32_t *ret_port)
{
    return text.len ? read_port(c, what, text, ret_port) : TRB_OK;
}

static trb_code read_ports(struct checking *c)
{
    struct flags *f = c->flags;
    trb_code code = read_port(c, "dapr-http-port flag", f->http_port, &f->http);
    if (!code)
        code = read_port(c, "dapr-grpc-port flag", f->grpc_port, &f->grpc);
    if (!code)
        code = read_port(c, "profile-port flag", f->profile_port, &f->profile);
    if (!code)
        code = read_optional_port(c, "dapr-internal-grpc-port", f->internal_port, &f->internal);
    if (!code)
        code = read_optional_port(c, "dapr-public-port", f->public_port, &f->public_);
    if (!code)
        code = read_optional_port(c, "app-port", f->app_port, &f->app);
    return code;
}

trb_code flags_check_ports(struct checking *c)
{
    struct flags *f = c->flags;
    trb_code code = read_ports(c);
    if (!code && f->app && f->app == f->http)
        code = flags_refuse(c, "the 'dapr-http-port' argument value %u conflicts with 'app-port'", f->http);
    if (!code && f->app && f->app == f->grpc)
        code = flags_refuse(c, "the 'dapr-grpc-port' argument value %u conflicts with 'app-port'", f->grpc);
    return code;
}

trb_code flags_metrics_port(const struct flags *flags, uint32_t *ret_port, struct trb_error *err)
{
    int64_t port;
    struct text why = {0};
    trb_code code = TRB_OK;
    if (!flag_atoi(slice_name(flags->metrics_port), &port, &why))
        code = error_set(err, TRB_INVALID, "FLAGS", "failed to parse metrics port: %s", why.at);
    else
        *ret_port = port_of(port);
    text_fini(&why);
    return code;
}
