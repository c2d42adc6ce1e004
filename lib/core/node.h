/* core/node.h - what the nodes of the ready queue lie in. */
#ifndef WEFT_CORE_NODE_H
#define WEFT_CORE_NODE_H

#include "base/list.h"

/* What the loop does with a node that it takes from the ready queue. */
enum weft__kind {
    WEFT__NODE_TASK,     /* lies in a task: step it */
    WEFT__NODE_START,    /* lies in a new task: its first step */
    WEFT__NODE_CALLBACK, /* a done callback: call it with its future */
    WEFT__NODE_CALL,     /* weft_call_soon and its kin */
    WEFT__NODE_HOOK      /* the library's own: call its function, also when the loop is closed */
};

/* A node with a function, for what lies within the library. */
struct weft__hook {
    struct weft__node node;
    void (*fn)(struct weft__hook *hook);
};

/* Whether a node lies in a task. */
static inline bool weft__node_is_task(const struct weft__node *node)
{
    return node->kind == WEFT__NODE_TASK || node->kind == WEFT__NODE_START;
}

#endif
