/* schema: the database and its two tables, made, or old ones given the columns they lack. */
#include "store.h"
#include <base/slice.h>
#include <base/text.h>
#include <mysqld_error.h>

/* The first column of the first row, "" when there is none; cut to the room. */
static trb_code ask(struct store *s, struct link *l, const char *sql, char *room, size_t size, struct trb_error *err)
{
    room[0] = 0;
    trb_code code = link_run(s, l, slice_of(sql), "cannot look at the tables", err);
    MYSQL_RES *result = code ? NULL : mysql_store_result(l->my);
    if (!code && !result)
        return link_fail(s, l, "cannot look at the tables", err);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    snprintf(room, size, "%s", row && row[0] ? row[0] : "");
    if (result)
        mysql_free_result(result);
    return code;
}

static trb_code make_database(struct store *s, struct link *l, struct trb_error *err)
{
    trb_code code = link_open(s, l, NULL, err);
    if (!code)
        code = link_runf(s, l, "cannot make the database", err, "CREATE DATABASE IF NOT EXISTS `%s`", s->schema);
    link_close(l);
    return code ? code : link_open(s, l, s->schema, err);
}

static trb_code open_database(struct store *s, struct link *l, struct trb_error *err)
{
    trb_code code = link_open(s, l, s->schema, err);
    return code && l->fault == ER_BAD_DB_ERROR ? make_database(s, l, err) : code;
}

static trb_code has_table(struct store *s, struct link *l, const char *table, bool *ret_has, struct trb_error *err)
{
    char sql[500], found[8];
    snprintf(sql, sizeof sql, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s'",
             s->schema, table);
    trb_code code = ask(s, l, sql, found, sizeof found, err);
    *ret_has = found[0];
    return code;
}

/* Two keys are one only if every byte is the same: the server's usual order takes "a" for "A" and for "a ". */
static trb_code choose_order(struct store *s, struct link *l, char room[64], struct trb_error *err)
{
    trb_code code = ask(s, l, "SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE COLLATION_NAME IN "
                        "('utf8mb4_0900_bin', 'utf8mb4_nopad_bin') LIMIT 1", room, 64, err);
    if (!room[0])
        snprintf(room, 64, "utf8mb4_bin");
    return code;
}

static trb_code make_items(struct store *s, struct link *l, struct trb_error *err)
{
    char order[64];
    trb_code code = choose_order(s, l, order, err);
    return code ? code : link_runf(s, l, "cannot make the table of the items", err,
        "CREATE TABLE IF NOT EXISTS `%s` (id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE %s NOT NULL PRIMARY KEY, "
        "value JSON NOT NULL, isbinary BOOLEAN NOT NULL, insertDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
        "updateDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, eTag VARCHAR(36) NOT NULL, "
        "expiredate TIMESTAMP NULL DEFAULT NULL, row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, "
        "UNIQUE KEY row_id_uidx (row_id), KEY expiredate_idx (expiredate))", s->table, order);
}

/* Another sidecar may have been faster. */
static trb_code add_column(struct store *s, struct link *l, const char *column, const char *change, struct trb_error *err)
{
    char sql[500], found[8];
    snprintf(sql, sizeof sql, "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = '%s' "
             "AND COLUMN_NAME = '%s'", s->schema, s->table, column);
    trb_code code = ask(s, l, sql, found, sizeof found, err);
    if (code || found[0])
        return code;
    code = link_runf(s, l, "cannot bring the table up to date", err, "ALTER TABLE `%s` %s", s->table, change);
    bool is_there = code && mysql_errno(l->my) == ER_DUP_FIELDNAME;
    return is_there ? TRB_OK : code;
}

static trb_code make_metadata(struct store *s, struct link *l, struct trb_error *err)
{
    bool has;
    trb_code code = has_table(s, l, s->metadata_table, &has, err);
    return code || has ? code : link_runf(s, l, "cannot make the table of metadata", err,
        "CREATE TABLE IF NOT EXISTS `%s` (id VARCHAR(255) NOT NULL PRIMARY KEY, value TEXT NOT NULL)", s->metadata_table);
}

static trb_code make_tables(struct store *s, struct link *l, struct trb_error *err)
{
    bool has;
    trb_code code = has_table(s, l, s->table, &has, err);
    if (!code && !has)
        code = make_items(s, l, err);
    if (!code && has)
        code = add_column(s, l, "expiredate", "ADD COLUMN expiredate TIMESTAMP NULL DEFAULT NULL, "
                          "ADD KEY expiredate_idx (expiredate)", err);
    if (!code && has)
        code = add_column(s, l, "row_id", "ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, "
                          "ADD UNIQUE KEY row_id_uidx (row_id)", err);
    return code ? code : make_metadata(s, l, err);
}

trb_code schema_prepare(struct store *s, uint64_t deadline_ns, struct trb_error *err)
{
    struct link *l = &s->links[0];
    l->deadline_ns = deadline_ns;
    trb_code code = open_database(s, l, err);
    if (!code)
        code = make_tables(s, l, err);
    if (code)
        link_close(l);
    return code;
}
