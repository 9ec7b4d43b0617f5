/* statements: what is sent, spelled for the table of the store. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

const struct version version_1 = {
    .expiry = "expiredate", .inserted = "insertdate", .updated = "updatedate",
    .value_read = "CASE WHEN t.isbinary THEN decode(t.value #>> '{}', 'base64') ELSE convert_to(t.value::text, 'UTF8') END",
    .set_columns = "value, isbinary", .set_values = "$2::jsonb, $4::boolean",
    .set_again = "value = $2::jsonb, isbinary = $4::boolean",
    .etag_read = "t.xmin::text", .etag = "xmin", .etag_type = "xid", .has_binary = true, .level = 3, .row_id_level = 3,
    .create = "key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean NOT NULL, "
              "insertdate timestamptz NOT NULL DEFAULT now(), updatedate timestamptz",
    .add_expiry = "ALTER TABLE %s ADD COLUMN IF NOT EXISTS expiredate timestamptz;\n",
};

const struct version version_2 = {
    .expiry = "expires_at", .inserted = "created_at", .updated = "updated_at",
    .value_read = "t.value", .set_columns = "value, etag", .set_values = "$2, gen_random_uuid()",
    .set_again = "value = $2, etag = gen_random_uuid()",
    .etag_read = "t.etag::text", .etag = "etag", .etag_type = "uuid", .level = 2, .row_id_level = 2,
    .create = "key text NOT NULL PRIMARY KEY, value bytea NOT NULL, etag uuid NOT NULL DEFAULT gen_random_uuid(), "
              "created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz, expires_at timestamptz",
};

void add_live(const struct store *s, struct text *t, const char *alias)
{
    text_addf(t, "(%s%s IS NULL OR %s%s >= CURRENT_TIMESTAMP)", alias, s->version->expiry, alias, s->version->expiry);
}

/* value, etag, expiry of a row of t. */
static void add_columns(const struct store *s, struct text *t)
{
    text_addf(t, "%s, %s, to_char(t.%s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", s->version->value_read,
              s->version->etag_read, s->version->expiry);
}

static void add_get(const struct store *s, struct text *t)
{
    text_adds(t, "SELECT ");
    add_columns(s, t);
    text_addf(t, " FROM %s AS t WHERE t.key = $1 AND ", s->table.at);
    add_live(s, t, "t.");
}

static void add_bulk_get(const struct store *s, struct text *t)
{
    text_adds(t, "SELECT k.n::text, ");
    add_columns(s, t);
    text_addf(t, " FROM unnest($1) WITH ORDINALITY AS k(key, n) JOIN %s AS t ON t.key = k.key WHERE ", s->table.at);
    add_live(s, t, "t.");
}

#define EXPIRES "CURRENT_TIMESTAMP + $3::bigint * interval '1 second'"

static void add_set(const struct store *s, struct text *t)
{
    const struct version *v = s->version;
    text_addf(t, "INSERT INTO %s AS t (key, %s, %s) VALUES ($1, %s, " EXPIRES ") ON CONFLICT (key) DO UPDATE SET %s, "
              "%s = CURRENT_TIMESTAMP, %s = " EXPIRES, s->table.at, v->set_columns, v->expiry, v->set_values, v->set_again,
              v->updated, v->expiry);
}

static void add_set_first(const struct store *s, struct text *t)
{
    add_set(s, t);
    text_addf(t, " WHERE t.%s < CURRENT_TIMESTAMP", s->version->expiry);
}

static void add_set_etag(const struct store *s, struct text *t)
{
    const struct version *v = s->version;
    text_addf(t, "UPDATE %s AS t SET %s, %s = CURRENT_TIMESTAMP, %s = " EXPIRES " WHERE t.key = $1 AND t.%s = $%u::%s AND ",
              s->table.at, v->set_again, v->updated, v->expiry, v->etag, v->has_binary ? 5 : 4, v->etag_type);
    add_live(s, t, "t.");
}

static void add_remove(const struct store *s, struct text *t)
{
    text_addf(t, "DELETE FROM %s AS t WHERE t.key = $1", s->table.at);
}

static void add_remove_etag(const struct store *s, struct text *t)
{
    add_remove(s, t);
    text_addf(t, " AND t.%s = $2::%s", s->version->etag, s->version->etag_type);
}

static void add_keys_like(const struct store *s, struct text *t)
{
    text_addf(t, "SELECT t.key, t.row_id::text FROM %s AS t WHERE t.key LIKE $1 ESCAPE '\\' AND t.row_id > $2::bigint AND ",
              s->table.at);
    add_live(s, t, "t.");
    text_adds(t, " ORDER BY t.row_id LIMIT $3::bigint");
}

/* Of all that share the table, one sweeps per interval: the one that can say so first. */
static void add_sweep(const struct store *s, struct text *t)
{
    text_addf(t, "WITH due AS (INSERT INTO %s AS m (key, value) VALUES ('%s', CURRENT_TIMESTAMP::text) ON CONFLICT (key) DO UPDATE "
              "SET value = CURRENT_TIMESTAMP::text WHERE extract(epoch FROM CURRENT_TIMESTAMP - m.value::timestamptz) * 1000 > "
              "$1::bigint RETURNING 1) DELETE FROM %s AS t WHERE EXISTS (SELECT 1 FROM due) AND t.%s < CURRENT_TIMESTAMP",
              s->metadata_table, s->last_cleanup.at, s->table.at, s->version->expiry);
}

/* Inside a transaction nobody looks at a result before the next statement has left: a row that is not there must
 * fail by itself, here by dividing by the number of rows. */
static void check_rows(struct pg_statement *to, const struct pg_statement *from)
{
    struct text t = {0};
    text_addf(&t, "WITH changed AS (%s RETURNING 1) SELECT (1 / count(*))::text FROM changed", from->sql);
    to->sql = t.at;
}

void statements_make(struct store *s)
{
    static void (*const makers[STATEMENTS])(const struct store *, struct text *) = {
        [GET] = add_get, [BULK_GET] = add_bulk_get, [SET] = add_set, [SET_FIRST] = add_set_first, [SET_ETAG] = add_set_etag,
        [REMOVE] = add_remove, [REMOVE_ETAG] = add_remove_etag, [KEYS_LIKE] = add_keys_like, [SWEEP] = add_sweep};
    for (uint32_t i = 1; i < STATEMENTS; i++) {
        struct text t = {0};
        if (makers[i])
            makers[i](s, &t);
        s->statements[i] = (struct pg_statement){.sql = t.at, .number = i};
    }
    check_rows(&s->statements[SET_FIRST_CHECKED], &s->statements[SET_FIRST]);
    check_rows(&s->statements[SET_ETAG_CHECKED], &s->statements[SET_ETAG]);
    check_rows(&s->statements[REMOVE_ETAG_CHECKED], &s->statements[REMOVE_ETAG]);
}

void statements_fini(struct store *s)
{
    for (uint32_t i = 0; i < STATEMENTS; i++)
        s->statements[i].sql = mem_free(s->statements[i].sql);
}

/* -------------------------------------------------------------------------------------- migrations */
/* "schema"."Table" and _idx: "Table_idx", without the schema, which an index has from its table. */
static void add_index_name(const struct store *s, struct text *t, const char *ending)
{
    struct trb_slice name = text_slice(&s->table), schema = slice_split(&name, '.');
    if (!name.at)
        name = schema;
    bool is_quoted = slice_ends(name, SLICE("\""));
    text_add(t, slice_cut(name, name.len - is_quoted));
    text_adds(t, ending);
    text_adds(t, is_quoted ? "\"" : "");
}

static void add_first_level(const struct store *s, struct text *t)
{
    text_addf(t, "IF level < 1 THEN\nCREATE TABLE IF NOT EXISTS %s (%s);\n", s->table.at, s->version->create);
    if (!s->version->add_expiry) {
        text_adds(t, "CREATE INDEX IF NOT EXISTS ");
        add_index_name(s, t, "_expires_at_idx");
        text_addf(t, " ON %s (%s);\n", s->table.at, s->version->expiry);
    }
    text_adds(t, "END IF;\n");
    if (s->version->add_expiry) {
        text_adds(t, "IF level < 2 THEN\n");
        text_addf(t, s->version->add_expiry, s->table.at);
        text_adds(t, "END IF;\n");
    }
}

/* Rows that are there already are numbered in the order they came. */
static void add_row_id_level(const struct store *s, struct text *t)
{
    const char *table = s->table.at;
    text_addf(t, "IF level < %u THEN\nALTER TABLE %s ADD COLUMN row_id bigint;\n", s->version->row_id_level, table);
    text_addf(t, "WITH numbered AS (SELECT key, row_number() OVER (ORDER BY %s, key) AS n FROM %s) "
              "UPDATE %s AS t SET row_id = numbered.n FROM numbered WHERE t.key = numbered.key;\n",
              s->version->inserted, table, table);
    text_addf(t, "ALTER TABLE %s ALTER COLUMN row_id SET NOT NULL;\n"
              "ALTER TABLE %s ALTER COLUMN row_id ADD GENERATED BY DEFAULT AS IDENTITY;\n"
              "PERFORM setval(pg_get_serial_sequence('%s', 'row_id'), (SELECT coalesce(max(row_id), 0) + 1 FROM %s), false);\n",
              table, table, table, table);
    text_adds(t, "CREATE UNIQUE INDEX IF NOT EXISTS ");
    add_index_name(s, t, "_row_id_uidx");
    text_addf(t, " ON %s (row_id);\nEND IF;\n", table);
}

/* One block at the server, under the lock that every sidecar takes for it: no step is seen half done. The level is noted
 * for all tables that share the metadata table: one that is not there is made whatever it says. */
char *migration_make(const struct store *s)
{
    struct text t = {0};
    const char *m = s->metadata_table;
    text_addf(&t, "DO $trilby$\nDECLARE level int;\nBEGIN\n"
              "IF to_regclass('%s') IS NULL THEN\nBEGIN\n"
              "CREATE TABLE IF NOT EXISTS %s (key text NOT NULL PRIMARY KEY, value text NOT NULL);\n"
              "EXCEPTION WHEN unique_violation OR duplicate_table OR duplicate_object THEN NULL;\nEND;\nEND IF;\n", m, m);
    text_addf(&t, "SELECT value::int INTO level FROM %s WHERE key = '%s';\n"
              "IF level >= %u AND to_regclass('%s') IS NOT NULL THEN RETURN; END IF;\n", m, s->migrations.at, s->version->level,
              s->table.at);
    text_addf(&t, "INSERT INTO %s (key, value) VALUES ('lock', 'lock') ON CONFLICT (key) DO NOTHING;\n"
              "PERFORM 1 FROM %s WHERE key = 'lock' FOR UPDATE;\n"
              "SELECT value::int INTO level FROM %s WHERE key = '%s';\n"
              "IF level IS NULL OR to_regclass('%s') IS NULL THEN level := 0; END IF;\n", m, m, m, s->migrations.at, s->table.at);
    add_first_level(s, &t);
    add_row_id_level(s, &t);
    text_addf(&t, "IF level < %u THEN\nINSERT INTO %s (key, value) VALUES ('%s', '%u') ON CONFLICT (key) DO UPDATE SET value = '%u';\n"
              "END IF;\nEND $trilby$", s->version->level, m, s->migrations.at, s->version->level, s->version->level);
    return t.at;
}
