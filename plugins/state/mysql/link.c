/* link: connections to the server: opened with a growing pause between attempts, lent, and given up. */
#include "store.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <errmsg.h>
#include <fcntl.h>
#include <ma_pvio.h>
#include <mysqld_error.h>
#include <poll.h>
#include <sys/socket.h>

#define CONNECT_NS (5 * CLOCK_S)
#define FIRST_PAUSE_NS (8 * CLOCK_MS)
#define LONGEST_PAUSE_NS (512 * CLOCK_MS)
#define SESSION "SET SESSION autocommit=1, sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"

/* ---------------------------------------------------------------------------------------- faults */
static bool is_connections(unsigned number)
{
    return (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR && number != CR_OUT_OF_MEMORY) ||
           number == ER_CON_COUNT_ERROR || number == ER_SERVER_SHUTDOWN || number == ER_HOST_IS_BLOCKED ||
           number == ER_NET_READ_INTERRUPTED || number == ER_CONNECTION_KILLED;
}

static trb_code code_of(unsigned number)
{
    switch (number) {
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_OPTION_PREVENTS_STATEMENT:
        return TRB_DENIED;
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
        return TRB_ABORTED;
    case ER_DATA_TOO_LONG:
        return TRB_INVALID;
    case ER_NET_PACKET_TOO_LARGE:
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_OUTOFMEMORY:
    case CR_OUT_OF_MEMORY:
        return TRB_EXHAUSTED;
    default:
        return is_connections(number) ? TRB_UNAVAILABLE : TRB_INTERNAL;
    }
}

static void describe(const struct store *s, unsigned number, const char *what, const char *words, struct trb_error *err)
{
    char place[300];
    if (s->dsn.socket)
        snprintf(place, sizeof place, "%s", s->dsn.socket);
    else
        snprintf(place, sizeof place, "%s:%u", s->dsn.host, s->dsn.port);
    trb_error(err, code_of(number), "MYSQL", "mysql %s: %s: %s", place, what, words);
    err->retryable = err->code == TRB_UNAVAILABLE || err->code == TRB_ABORTED;
}

static void note_lost(struct store *s, const struct trb_error *err)
{
    pthread_mutex_lock(&s->lock);
    bool is_news = !s->is_lost;
    s->is_lost = true;
    pthread_cond_signal(&s->keeper_wake);
    pthread_mutex_unlock(&s->lock);
    if (is_news)
        s->host->lost(s->origin, err);
}

static void note_ready(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    bool is_news = s->is_lost;
    s->is_lost = false;
    s->next_dial_ns = s->pause_ns = 0;
    pthread_mutex_unlock(&s->lock);
    if (is_news)
        s->host->ready(s->origin);
}

static bool is_late(const struct link *l)
{
    return l->deadline_ns && clock_now_ns() >= l->deadline_ns;
}

static trb_code fail(struct store *s, struct link *l, unsigned number, const char *what, const char *words,
                     struct trb_error *err)
{
    describe(s, number, what, words, err);
    if (!is_connections(number))
        return err->code;
    l->is_broken = true;
    if (is_late(l))
        return trb_error(err, TRB_DEADLINE, "TIMEOUT", "mysql: %s: the server did not answer in time", what);
    note_lost(s, err);
    return err->code;
}

trb_code link_fail(struct store *s, struct link *l, const char *what, struct trb_error *err)
{
    return fail(s, l, mysql_errno(l->my), what, mysql_error(l->my), err);
}

/* ---------------------------------------------------------------------------------------- limits */
static uint64_t left_of(const struct link *l, uint64_t most_ns)
{
    uint64_t now = clock_now_ns(), left = !l->deadline_ns ? most_ns : l->deadline_ns > now ? l->deadline_ns - now : 0;
    return left < most_ns ? left : most_ns;
}

static uint64_t or_else(int64_t said_ns, uint64_t otherwise)
{
    return said_ns > 0 ? (uint64_t)said_ns : otherwise;
}

static void limit_one(MYSQL *my, enum enum_pvio_timeout which, int option, uint64_t ns)
{
    int ms = (int)(ns / CLOCK_MS) + 1;
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    my->net.pvio->timeout[which] = ms;
    setsockopt((int)mysql_get_socket(my), SOL_SOCKET, option, &tv, sizeof tv);
}

/* The library's own options count in seconds, and only for connections to come. */
void link_limit(struct store *s, struct link *l)
{
    if (!l->my || !l->my->net.pvio)
        return;
    limit_one(l->my, PVIO_READ_TIMEOUT, SO_RCVTIMEO, left_of(l, or_else(s->dsn.read_timeout_ns, (uint64_t)s->timeout_ns)));
    limit_one(l->my, PVIO_WRITE_TIMEOUT, SO_SNDTIMEO, left_of(l, or_else(s->dsn.write_timeout_ns, (uint64_t)s->timeout_ns)));
}

/* ----------------------------------------------------------------------------------------- opening */
static void set_time_limit(struct store *s, struct link *l)
{
    unsigned seconds = (unsigned)(left_of(l, or_else(s->dsn.connect_timeout_ns, CONNECT_NS)) / CLOCK_S);
    if (!seconds)
        seconds = 1;
    mysql_optionsv(l->my, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_optionsv(l->my, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_optionsv(l->my, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
}

static void set_tls(struct store *s, struct link *l)
{
    my_bool yes = 1, verify = s->dsn.tls == DSN_TLS_VERIFY || s->dsn.tls == DSN_TLS_CUSTOM;
    if (s->dsn.tls == DSN_TLS_CUSTOM)
        mysql_optionsv(l->my, MYSQL_OPT_SSL_CA, s->pem_path);
    mysql_optionsv(l->my, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_optionsv(l->my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

static void set_session(struct store *s, struct link *l)
{
    struct text t = {0};
    mysql_optionsv(l->my, MYSQL_INIT_COMMAND, SESSION);
    if (s->dsn.collation) {
        text_addf(&t, "SET SESSION collation_connection=%s", s->dsn.collation);
        mysql_optionsv(l->my, MYSQL_INIT_COMMAND, t.at);
        text_clear(&t);
    }
    if (s->dsn.variables) {
        text_addf(&t, "SET SESSION %s", s->dsn.variables);
        mysql_optionsv(l->my, MYSQL_INIT_COMMAND, t.at);
    }
    text_fini(&t);
}

static bool connect_once(struct store *s, struct link *l, const char *database, bool with_tls)
{
    unsigned protocol = s->dsn.socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP, none = 0;
    my_bool cleartext = s->dsn.cleartext;
    if (!(l->my = mysql_init(NULL)))
        return false;
    mysql_optionsv(l->my, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(l->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(l->my, MYSQL_OPT_LOCAL_INFILE, &none);
    mysql_optionsv(l->my, MYSQL_ENABLE_CLEARTEXT_PLUGIN, &cleartext);
    if (s->dsn.compress)
        mysql_optionsv(l->my, MYSQL_OPT_COMPRESS, NULL);
    set_time_limit(s, l);
    set_session(s, l);
    if (with_tls)
        set_tls(s, l);
    return mysql_real_connect(l->my, s->dsn.host, s->dsn.user, s->dsn.password, database, s->dsn.port, s->dsn.socket, 0);
}

static bool server_has_no_tls(const struct link *l)
{
    return l->my && mysql_errno(l->my) == CR_SSL_CONNECTION_ERROR && strstr(mysql_error(l->my), "not support");
}

trb_code link_open(struct store *s, struct link *l, const char *database, struct trb_error *err)
{
    bool with_tls = s->dsn.tls != DSN_TLS_OFF, is_open = connect_once(s, l, database, with_tls);
    if (!is_open && s->dsn.tls == DSN_TLS_PREFERRED && server_has_no_tls(l)) {
        link_close(l);
        is_open = connect_once(s, l, database, false);
    }
    l->is_broken = false;
    if (is_open) {
        fcntl((int)mysql_get_socket(l->my), F_SETFD, FD_CLOEXEC);
        return TRB_OK;
    }
    if (!l->my)
        return trb_error(err, TRB_EXHAUSTED, "MYSQL", "there is no memory for a connection");
    l->fault = mysql_errno(l->my);
    describe(s, l->fault, "cannot connect", mysql_error(l->my), err);
    link_close(l);
    return err->code;
}

void link_close(struct link *l)
{
    for (size_t n = 0; n < STATEMENTS; n++)
        if (l->statements[n]) {
            mysql_stmt_close(l->statements[n]);
            l->statements[n] = NULL;
        }
    if (l->my)
        mysql_close(l->my);
    l->my = NULL;
    l->is_broken = false;
}

/* -------------------------------------------------------------------------------------------- lending */
/* A server that has closed an idle connection has said so by now. */
static bool is_alive(const struct link *l)
{
    struct pollfd p = {.fd = (int)mysql_get_socket(l->my), .events = POLLIN | POLLRDHUP};
    return poll(&p, 1, 0) == 0 || (mysql_get_ssl_cipher(l->my) && !(p.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

static struct link *find_free(struct store *s)
{
    struct link *closed = NULL;
    for (size_t n = 0; n < LINKS; n++) {
        struct link *l = &s->links[n];
        if (!l->is_taken && l->my)
            return l;
        if (!l->is_taken && !closed)
            closed = l;
    }
    return closed;
}

/* Between two attempts that failed there is a pause, in which every question gets the reason of the last. */
static trb_code dial(struct store *s, struct link *l, struct trb_error *err)
{
    trb_code code = TRB_OK;
    pthread_mutex_lock(&s->lock);
    uint64_t now = clock_now_ns();
    if (now < s->next_dial_ns) {
        *err = s->failure;
        code = err->code;
    }
    pthread_mutex_unlock(&s->lock);
    if (code)
        return code;
    if (!(code = link_open(s, l, s->schema, err))) {
        note_ready(s);
        return TRB_OK;
    }
    pthread_mutex_lock(&s->lock);
    s->pause_ns = !s->pause_ns ? FIRST_PAUSE_NS : s->pause_ns * 2 < LONGEST_PAUSE_NS ? s->pause_ns * 2 : LONGEST_PAUSE_NS;
    s->next_dial_ns = clock_now_ns() + s->pause_ns;
    s->failure = *err;
    pthread_mutex_unlock(&s->lock);
    note_lost(s, err);
    return code;
}

trb_code link_take(struct store *s, uint64_t deadline_ns, struct link **ret_link, struct trb_error *err)
{
    trb_code code = TRB_OK;
    pthread_mutex_lock(&s->lock);
    struct link *l = find_free(s);
    if (l)
        l->is_taken = true;
    pthread_mutex_unlock(&s->lock);
    if (!l)
        return trb_error(err, TRB_UNAVAILABLE, "BUSY", "every connection is in use");
    l->deadline_ns = deadline_ns;
    if (l->my && !is_alive(l))
        link_close(l);
    if (!l->my)
        code = dial(s, l, err);
    if (code)
        link_give_back(s, l);
    else
        *ret_link = l;
    return code;
}

void link_give_back(struct store *s, struct link *l)
{
    if (l->is_broken)
        link_close(l);
    pthread_mutex_lock(&s->lock);
    l->is_taken = false;
    pthread_mutex_unlock(&s->lock);
}

bool link_keep(struct store *s)
{
    struct trb_error unused = {.size = sizeof unused};
    struct link *l = NULL;
    bool is_well = !link_take(s, clock_now_ns() + CONNECT_NS, &l, &unused);
    if (is_well) {
        link_limit(s, l);
        is_well = !mysql_ping(l->my);
        if (is_well)
            note_ready(s);
        else
            l->is_broken = true;
        link_give_back(s, l);
    }
    return is_well;
}

/* ----------------------------------------------------------------------------------------- running */
trb_code link_run(struct store *s, struct link *l, struct trb_slice sql, const char *what, struct trb_error *err)
{
    link_limit(s, l);
    return mysql_real_query(l->my, sql.at, sql.len) ? link_fail(s, l, what, err) : TRB_OK;
}

trb_code link_runf(struct store *s, struct link *l, const char *what, struct trb_error *err, const char *format, ...)
{
    struct text sql = {0};
    va_list ap;
    va_start(ap, format);
    text_vaddf(&sql, format, ap);
    va_end(ap);
    trb_code code = link_run(s, l, text_slice(&sql), what, err);
    text_fini(&sql);
    return code;
}

static trb_code prepare(struct store *s, struct link *l, uint32_t which, const char *what, struct trb_error *err)
{
    MYSQL_STMT *statement = mysql_stmt_init(l->my);
    if (!statement)
        return trb_error(err, TRB_EXHAUSTED, "MYSQL", "%s: there is no memory for a statement", what);
    if (!mysql_stmt_prepare(statement, s->sql[which], strlen(s->sql[which]))) {
        l->statements[which] = statement;
        return TRB_OK;
    }
    trb_code code = fail(s, l, mysql_stmt_errno(statement), what, mysql_stmt_error(statement), err);
    mysql_stmt_close(statement);
    return code;
}

trb_code link_execute(struct store *s, struct link *l, uint32_t which, MYSQL_BIND *parameters, const char *what,
                      MYSQL_STMT **ret_statement, struct trb_error *err)
{
    trb_code code = TRB_OK;
    link_limit(s, l);
    if (!l->statements[which] && (code = prepare(s, l, which, what, err)))
        return code;
    MYSQL_STMT *statement = *ret_statement = l->statements[which];
    if (mysql_stmt_bind_param(statement, parameters) || mysql_stmt_execute(statement))
        return fail(s, l, mysql_stmt_errno(statement), what, mysql_stmt_error(statement), err);
    return TRB_OK;
}
