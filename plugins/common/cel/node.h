/* node: what an expression is once it has been read, and what it gives. Shared by the files of this
 * folder only. */
#ifndef CEL_NODE_H
#define CEL_NODE_H

#include <cel/cel.h>
#include <stdbool.h>

/* ------------------------------------------------------------------------------------- values */
#define V_NULL 0u
#define V_BOOL 1u
#define V_INT 2u
#define V_UINT 3u
#define V_DOUBLE 4u
#define V_STRING 5u
#define V_BYTES 6u
#define V_LIST 7u  /* values made by the expression */
#define V_MAP 8u   /* pairs of them */
#define V_JSON_LIST 9u
#define V_JSON_MAP 10u
#define V_ERROR 11u

struct value {
    uint32_t kind, count;          /* count: of V_LIST, or pairs of V_MAP */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        struct trb_slice s;        /* also the sentence of V_ERROR */
        struct json_value json;
        const struct value *at;
    };
};

/* --------------------------------------------------------------------------------------- nodes */
enum op {
    N_LITERAL, N_NAME, N_SELECT, N_HAS, N_INDEX, N_CALL, N_LIST, N_MAP, N_COND, N_OR, N_AND, N_NOT, N_NEGATE,
    N_EQ, N_NE, N_LT, N_LE, N_GT, N_GE, N_IN, N_ADD, N_SUB, N_MUL, N_DIV, N_MOD,
    N_ALL, N_EXISTS, N_EXISTS_ONE, N_FILTER, N_TRANSFORM
};

struct node {
    enum op op;
    struct node *a, *b, *c;
    struct node **items;           /* of calls, lists, maps (key, value, …) */
    uint32_t count;
    struct trb_slice name;
    struct value literal;
};

struct cel {
    struct arena *keep;
    struct node *root;
};

/* ------------------------------------------------------------------------------------- reading */
enum token { T_END, T_NAME, T_LITERAL, T_SIGN, T_BAD };

struct lexer {
    struct arena *keep;
    struct trb_slice source;
    size_t at, start;              /* start: of the token */
    enum token token;
    struct trb_slice text;
    struct value literal;
    const char *bad;
};

void lexer_next(struct lexer *);
struct node *parse(struct lexer *, const char *const *names, char *ret_fault, size_t size);

/* ---------------------------------------------------------------------------------- evaluating */
struct scope {                     /* the variable of a macro, inside the others */
    const struct scope *outer;
    struct trb_slice name;
    struct value value;
};

struct run {
    struct arena *room;
    const struct cel_variable *variables;
    uint32_t count;
    uint64_t steps;                /* left */
};

struct value evaluate(struct run *, const struct node *, const struct scope *);
struct value error_value(struct run *, const char *format, ...) TRB_PRINTF(2, 3);
struct value value_of_json(struct run *, struct json_value);
struct value call_function(struct run *, const struct node *, const struct value *args, uint32_t count, bool is_method);
bool function_is_known(struct trb_slice name, uint32_t count, bool is_method);

bool is_equal(struct run *, struct value a, struct value b);
/* false: there is no order between such values. */
bool compare(struct value a, struct value b, int *ret_order);
struct value arithmetic(struct run *, enum op, struct value a, struct value b);
struct value negated(struct run *, struct value);

/* Lists and maps of both sorts. */
struct walk {
    struct value of;
    uint32_t at;
    struct json_cursor cursor;
};
bool is_list(struct value);
bool is_map(struct value);
struct walk walk_begin(struct value);
bool walk_next(struct run *, struct walk *, struct value *ret_key_or_item, struct value *ret_value);
uint64_t size_of(struct run *, struct value);      /* of a list or map */
bool map_find(struct run *, struct value map, struct value key, struct value *ret_value);

#endif
