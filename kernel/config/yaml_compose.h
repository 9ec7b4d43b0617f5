/* yaml_compose: what yaml.c and yaml_compose.c share. Private to the two. */
#ifndef CONFIG_YAML_COMPOSE_H
#define CONFIG_YAML_COMPOSE_H

#include <base/map.h>
#include <config/yaml.h>
#include <yaml.h>

#define YAML_NODE_WEIGHT 16u                   /* so that small nodes have a limit of their own */

struct yaml_composer {
    struct arena *arena;
    yaml_parser_t parser;
    struct trb_slice text;
    const char *file;
    uint32_t first_line;
    struct map anchors;                        /* name: node */
    struct yaml_node **stack;                  /* children of the collections still open */
    size_t used, room;
    uint64_t merged;                           /* weight that merge keys have copied so far */
    struct yaml_fault *fault;
};

/* The node that the event begins. NULL: the fault is filled in. Takes the event. */
struct yaml_node *yaml_compose(struct yaml_composer *, yaml_event_t *, uint32_t depth);
/* NULL after a fault. Gives the next event. */
bool yaml_next_event(struct yaml_composer *, yaml_event_t *ret_event);
void *yaml_refuse(struct yaml_composer *, yaml_mark_t, const char *format, ...) TRB_PRINTF(3, 4);
/* Puts the pairs of "<<" into their mapping. */
bool yaml_resolve_merges(struct yaml_composer *, struct yaml_node *mapping);
/* The index of a mapping's keys, for mappings of any size. */
void yaml_index(struct map *, const struct yaml_node *mapping);

#endif
