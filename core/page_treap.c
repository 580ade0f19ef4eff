/* The treap of long runs: descents by pages and address, no recursion where a run is taken or given. */
#include "page_treap.h"

static bool before(const struct gh_span *a, const struct gh_span *b)
{
    return a->pages != b->pages ? a->pages < b->pages : a->base < b->base;
}

/* Parts a tree at the run: what comes before it, and the rest. */
static void split(struct gh_span *node, const struct gh_span *at, struct gh_span **less, struct gh_span **more)
{
    while (node) {
        if (before(node, at)) {
            *less = node;
            less = &node->next;
            node = node->next;
        } else {
            *more = node;
            more = &node->prev;
            node = node->prev;
        }
    }
    *less = *more = NULL;
}

/* All of one tree comes before all of the other. */
static struct gh_span *join(struct gh_span *less, struct gh_span *more)
{
    struct gh_span *root, **at = &root;
    while (less && more) {
        if (gh_run_priority(less) <= gh_run_priority(more)) {
            *at = less;
            at = &less->next;
            less = less->next;
        } else {
            *at = more;
            at = &more->prev;
            more = more->prev;
        }
    }
    *at = less ? less : more;
    return root;
}

void gh_treap_insert(struct gh_span **root, struct gh_span *run, uint32_t priority)
{
    run->inline_bits[1] = priority;
    while (*root && gh_run_priority(*root) <= priority)
        root = before(*root, run) ? &(*root)->next : &(*root)->prev;
    split(*root, run, &run->prev, &run->next);
    *root = run;
}

void gh_treap_remove(struct gh_span **root, struct gh_span *run)
{
    while (*root != run)
        root = before(*root, run) ? &(*root)->next : &(*root)->prev;
    *root = join(run->prev, run->next);
    run->prev = run->next = NULL;
}

struct gh_span *gh_treap_best_fit(struct gh_span *root, uint64_t npages)
{
    struct gh_span *best = NULL;
    while (root) {
        if (root->pages < npages) {
            root = root->next;
        } else {
            best = root;
            root = root->prev;
        }
    }
    return best;
}

struct gh_span *gh_treap_first_fit(struct gh_span *root, uint64_t npages)
{
    while (root) {
        if (root->pages < npages)
            root = root->next;
        else if (root->prev && root->prev->pages >= npages)
            root = root->prev;
        else
            return root;
    }
    return NULL;
}

bool gh_treap_verify(const struct gh_span *node, uint64_t *runs, uint64_t *pages)
{
    if (!node)
        return true;
    const struct gh_span *left = node->prev, *right = node->next;
    if ((left && (!before(left, node) || gh_run_priority(left) < gh_run_priority(node))) ||
        (right && (!before(node, right) || gh_run_priority(right) < gh_run_priority(node))))
        return false;
    ++*runs;
    *pages += node->pages;
    return gh_treap_verify(left, runs, pages) && gh_treap_verify(right, runs, pages);
}
