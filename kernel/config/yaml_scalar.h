/* yaml_scalar: what a plain scalar looks like under YAML 1.1's rules. Private to yaml_*.c. */
#ifndef CONFIG_YAML_SCALAR_H
#define CONFIG_YAML_SCALAR_H

#include <config/yaml.h>

#define YAML_AS_NULL 1u
#define YAML_AS_BOOL 2u
#define YAML_AS_INT 3u
#define YAML_AS_UINT 4u                        /* beyond int64_t */
#define YAML_AS_FLOAT 5u
#define YAML_AS_TEXT 6u

struct yaml_look {
    uint32_t as;
    bool truth;
    int64_t number;
    uint64_t large;
    double real;
};

struct yaml_look yaml_look_at(const struct yaml_node *scalar);

#define YAML_NUMBER_TEXT 64
/* Both shortest: 1e+06 as text fields spell it, 1000000 as JSON spells it. false: not finite. */
void yaml_real_text(double, char ret_text[YAML_NUMBER_TEXT]);
bool yaml_real_json(double, char ret_text[YAML_NUMBER_TEXT]);

#endif
