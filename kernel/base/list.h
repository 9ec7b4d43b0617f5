/* list: doubly linked, the links live in the members, no allocation. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <base/check.h>
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert(struct list *after, struct list *node)
{
    node->next = after->next;
    node->prev = after;
    after->next->prev = node;
    after->next = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert(head->prev, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_insert(head, node);
}

static inline void list_remove(struct list *node)          /* may be repeated */
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    list_init(node);
}

static inline struct list *list_take(struct list *head)    /* the first, removed; NULL: empty */
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

#define list_item(node, type, member) container_of(node, type, member)

/* The current node may be removed inside the loop. */
#define list_each(node, head)                                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

#endif
