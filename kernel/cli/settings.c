/* settings.c: follows one path through a YAML document.
 * Not a validation: the sidecar judges the file. */
#include "cli/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

static const yaml_node_t *member(yaml_document_t *document, const yaml_node_t *map,
                                 const char *name)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key && key->type == YAML_SCALAR_NODE &&
            !strcmp((const char *)key->data.scalar.value, name))
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

static bool is_enabled(yaml_document_t *document)
{
    const yaml_node_t *node = yaml_document_get_root_node(document);
    node = member(document, node, "spec");
    node = member(document, node, "mtls");
    node = member(document, node, "enabled");
    return node && node->type == YAML_SCALAR_NODE &&
           !strcasecmp((const char *)node->data.scalar.value, "true");
}

bool settings_ask_mtls(const char *path)
{
    FILE *file = fopen(path, "re");
    yaml_parser_t parser;
    if (!file)
        return false;
    bool is_on = false;
    if (yaml_parser_initialize(&parser)) {
        yaml_document_t document;
        yaml_parser_set_input_file(&parser, file);
        if (yaml_parser_load(&parser, &document)) {
            is_on = is_enabled(&document);
            yaml_document_delete(&document);
        }
        yaml_parser_delete(&parser);
    }
    fclose(file);
    return is_on;
}
