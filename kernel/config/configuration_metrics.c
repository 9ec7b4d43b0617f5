/* configuration_metrics: "metrics" laid over "metric", and how the start tells it. */
#include <config/configuration_read.h>
#include <inttypes.h>
#include <stdlib.h>

static const int64_t default_buckets[] = {1,   2,   3,   4,   5,   6,    8,    10,   13,    16,    20,   25,
                                          30,  40,  50,  65,  80,  100,  130,  160,  200,   250,   300,  400,
                                          500, 650, 800, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
#define DEFAULT_BUCKETS (uint32_t)(sizeof default_buckets / sizeof default_buckets[0])

/* The name as it is written in the file: people search for it. */
static const char *path_of(struct reader *r, const struct yaml_node *spec, const char *member)
{
    const char *part = yaml_get(spec, "metrics") ? "metrics" : "metric";
    return arena_printf(r->fields.arena, "spec.%s.%s", part, member).at;
}

static void read_http(struct reader *r, struct yaml_node *spec, struct yaml_node *metrics)
{
    struct configuration_metrics *m = &r->c->metrics;
    struct yaml_node *http = reader_mapping(r, metrics, path_of(r, spec, "http"));
    m->increased_cardinality = -1;
    if (!yaml_is_null(yaml_get(http, "increasedCardinality")))
        m->increased_cardinality = reader_bool(r, http, path_of(r, spec, "http.increasedCardinality"), true);
    m->exclude_verbs = reader_bool(r, http, path_of(r, spec, "http.excludeVerbs"), false);
    m->path_matching = reader_texts(r, http, path_of(r, spec, "http.pathMatching"));
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* In order and each once, because a histogram needs them so. */
static void settle_buckets(struct configuration_metrics *m)
{
    uint32_t kept = 0;
    qsort(m->buckets, m->bucket_count, sizeof m->buckets[0], by_size);
    for (uint32_t i = 0; i < m->bucket_count; i++)
        if (!kept || m->buckets[kept - 1] != m->buckets[i])
            m->buckets[kept++] = m->buckets[i];
    m->bucket_count = kept;
}

static void read_buckets(struct reader *r, struct yaml_node *spec, struct yaml_node *metrics)
{
    const char *path = path_of(r, spec, "latencyDistributionBuckets");
    struct configuration_metrics *m = &r->c->metrics;
    struct yaml_node *list = reader_list(r, metrics, path);
    m->bucket_count = field_count(list);
    m->buckets = reader_room(r, list, int64_t);
    for (uint32_t i = 0; i < m->bucket_count; i++)
        if (!yaml_int(list->items[i], &m->buckets[i]) || m->buckets[i] < 0)
            field_refuse(&r->fields, list->items[i], "%s must be a list of whole numbers of milliseconds", path);
    settle_buckets(m);
    if (!m->bucket_count) {
        m->buckets = (int64_t *)default_buckets;
        m->bucket_count = DEFAULT_BUCKETS;
    }
}

static void read_label(struct reader *r, struct yaml_node *item, struct configuration_metric_label *ret_label)
{
    static const char path[] = "rules.labels.regex";
    ret_label->name = field_or_empty(reader_text(r, item, "rules.labels.name"));
    ret_label->regex = field_pairs(&r->fields, reader_having(item, path), path);
}

static void read_rule(struct reader *r, struct yaml_node *item, struct configuration_metric_rule *ret_rule)
{
    static const char path[] = "rules.labels";
    struct yaml_node *labels = reader_list(r, item, path);
    ret_rule->name = field_or_empty(reader_text(r, item, "rules.name"));
    ret_rule->labels = reader_room(r, labels, struct configuration_metric_label);
    ret_rule->label_count = field_count(labels);
    for (uint32_t i = 0; i < ret_rule->label_count; i++)
        read_label(r, field_item(&r->fields, labels, i, path), &ret_rule->labels[i]);
}

static void read_rules(struct reader *r, struct yaml_node *spec, struct yaml_node *metrics)
{
    const char *path = path_of(r, spec, "rules");
    struct configuration_metrics *m = &r->c->metrics;
    struct yaml_node *list = reader_list(r, metrics, path);
    m->rules = reader_room(r, list, struct configuration_metric_rule);
    m->rule_count = field_count(list);
    for (uint32_t i = 0; i < m->rule_count; i++)
        read_rule(r, field_item(&r->fields, list, i, path), &m->rules[i]);
}

void read_metrics(struct reader *r, struct yaml_node *spec)
{
    struct yaml_node *under = reader_mapping(r, spec, "spec.metric");
    struct yaml_node *metrics = yaml_merge(r->fields.arena, under, reader_mapping(r, spec, "spec.metrics"));
    r->c->metrics.enabled = reader_bool(r, metrics, path_of(r, spec, "enabled"), true);
    r->c->metrics.record_error_codes = reader_bool(r, metrics, path_of(r, spec, "recordErrorCodes"), false);
    read_http(r, spec, metrics);
    read_buckets(r, spec, metrics);
    read_rules(r, spec, metrics);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void add_texts(struct text *t, const struct configuration_names *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        text_addc(t, i ? ',' : '[');
        text_add_json(t, slice_name(names->at[i]), true);
    }
    text_addc(t, ']');
}

static void add_http(struct text *t, const struct configuration_metrics *m)
{
    const char *comma = "";
    text_adds(t, ",\"http\":{");
    if (m->increased_cardinality >= 0) {
        text_addf(t, "\"increasedCardinality\":%s", m->increased_cardinality ? "true" : "false");
        comma = ",";
    }
    if (m->path_matching.count) {
        text_addf(t, "%s\"pathMatching\":", comma);
        add_texts(t, &m->path_matching);
        comma = ",";
    }
    if (m->exclude_verbs)
        text_addf(t, "%s\"excludeVerbs\":true", comma);
    text_addc(t, '}');
}

static void add_label(struct text *t, const struct configuration_metric_label *label)
{
    text_adds(t, "{\"name\":");
    text_add_json(t, slice_name(label->name), true);
    text_adds(t, ",\"regex\":{");
    for (uint32_t i = 0; i < label->regex.count; i++) {
        const struct trb_pair *pair = trb_pair_at(&label->regex, i);
        text_adds(t, i ? "," : "");
        text_add_json(t, slice_name(pair->key), true);
        text_addc(t, ':');
        text_add_json(t, slice_name(pair->value), true);
    }
    text_adds(t, "}}");
}

static void add_rules(struct text *t, const struct configuration_metrics *m)
{
    for (uint32_t i = 0; i < m->rule_count; i++) {
        text_adds(t, i ? ",{\"name\":" : ",\"rules\":[{\"name\":");
        text_add_json(t, slice_name(m->rules[i].name), true);
        text_adds(t, ",\"labels\":[");
        for (uint32_t k = 0; k < m->rules[i].label_count; k++) {
            text_adds(t, k ? "," : "");
            add_label(t, &m->rules[i].labels[k]);
        }
        text_adds(t, "]}");
    }
    if (m->rule_count)
        text_addc(t, ']');
}

static void add_buckets(struct text *t, const struct configuration_metrics *m)
{
    text_adds(t, ",\"latencyDistributionBuckets\":[");
    for (uint32_t i = 0; i < m->bucket_count; i++)
        text_addf(t, "%s%" PRId64, i ? "," : "", m->buckets[i]);
    text_addc(t, ']');
}

void configuration_metrics_json(const struct configuration *c, struct text *t)
{
    const struct configuration_metrics *m = &c->metrics;
    text_addf(t, "{\"enabled\":%s", m->enabled ? "true" : "false");
    if (m->increased_cardinality >= 0 || m->path_matching.count || m->exclude_verbs)
        add_http(t, m);
    add_rules(t, m);
    if (m->buckets != default_buckets)
        add_buckets(t, m);
    if (m->record_error_codes)
        text_adds(t, ",\"recordErrorCodes\":true");
    text_addc(t, '}');
}
