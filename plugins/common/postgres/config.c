/* config: one target out of the options. */
#include <base/clock.h>
#include <base/slice.h>
#include <postgres/config.h>
#include <sched.h>

static trb_code refuse_unsupported(const struct pg_config *c, uint32_t flags, struct trb_error *err)
{
    if (c->azure_ad)
        return trb_error(err, TRB_UNIMPLEMENTED, "UNSUPPORTED",
                         "useAzureAD: signing in with an Entra ID token is not supported yet; use user and password");
    if (c->aws_iam && !(flags & PG_IAM_IS_IGNORED))
        return trb_error(err, TRB_UNIMPLEMENTED, "UNSUPPORTED",
                         "useAWSIAM: signing in with an IAM token is not supported yet; use user and password");
    return TRB_OK;
}

static trb_code add_options(struct pg_config *c, struct trb_error *err)
{
    const struct { const char *name, *value; } all[] = {
        {"host", c->host}, {"hostaddr", c->hostaddr}, {"port", c->port}, {"dbname", c->database}, {"user", c->user},
        {"password", c->password}, {"sslrootcert", c->root_cert}};
    trb_code code = TRB_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && !code; i++)
        if (all[i].value)
            code = pg_target_set(&c->target, all[i].name, slice_of(all[i].value), err);
    return code;
}

/* Words of the field's pools, which no server knows. */
static void take_pool_words(struct pg_config *c)
{
    static const char *const ignored[] = {"pool_min_conns", "pool_min_idle_conns", "pool_max_conn_lifetime",
                                          "pool_max_conn_idle_time", "pool_health_check_period", "pool_max_conn_lifetime_jitter",
                                          "statement_cache_capacity", "description_cache_capacity", "min_read_buffer_size"};
    const char *most = pg_target_get(&c->target, "pool_max_conns"), *mode = pg_target_get(&c->target, "default_query_exec_mode");
    int64_t number;
    if (most && c->max_conns <= 1 && slice_to_i64(slice_of(most), &number))
        c->max_conns = number;
    if (mode && c->mode == PG_MODE_CACHE_STATEMENT)
        c->is_unnamed = strcmp(mode, "cache_statement") != 0;
    pg_target_drop(&c->target, "pool_max_conns");
    pg_target_drop(&c->target, "default_query_exec_mode");
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        pg_target_drop(&c->target, ignored[i]);
}

/* The limit is the process's; an event loop, of which there is one per processor, has its share. */
static uint32_t share_of_loop(int64_t most, bool is_alone)
{
    cpu_set_t granted;
    int64_t loops = is_alone || sched_getaffinity(0, sizeof granted, &granted) ? 1 : CPU_COUNT(&granted);
    int64_t share = (most <= 1 ? PG_DEFAULT_CONNECTIONS : most) / (loops > 0 ? loops : 1);
    return share < 1 ? 1 : share > PG_MOST_CONNECTIONS ? PG_MOST_CONNECTIONS : (uint32_t)share;
}

trb_code pg_config_check(struct pg_config *c, uint32_t flags, struct trb_error *err)
{
    trb_code code = refuse_unsupported(c, flags, err);
    if (code)
        return code;
    if (!c->connection && !c->host && !c->hostaddr && !c->database && !c->user)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "connectionString is missing: say where the database is");
    if (c->timeout_ns < (int64_t)CLOCK_S)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "timeout: at least 1s, so that an operation can succeed");
    c->is_unnamed = c->mode != PG_MODE_CACHE_STATEMENT;
    code = c->connection ? pg_target_read(&c->target, slice_of(c->connection), err) : TRB_OK;
    if (!code)
        code = add_options(c, err);
    if (!code)
        take_pool_words(c);
    c->connections = share_of_loop(c->max_conns, flags & PG_IS_ALONE);
    return code;
}

void pg_config_fini(struct pg_config *c)
{
    pg_target_fini(&c->target);
}
