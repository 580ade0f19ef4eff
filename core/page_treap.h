/* Long runs of free pages in order: by pages, then by address.
 *
 *            (200 pages, priority 3)              in order from left to right;
 *            /                     \              no priority is below its parent's
 *   (128 pages, priority 9)   (300 pages, priority 5)
 *
 * A node is the run's own descriptor, whose list links are free: prev is its left child, next its right one. Priorities
 * are random, so that the tree is shallow on average; given them, its shape depends on what is in it only. Follows
 * runtime/mgclarge.go of Go 1.11 (mTreap), which orders runs of the same length by where their descriptors lie.
 */
#ifndef GH_PAGE_TREAP_H
#define GH_PAGE_TREAP_H

#include "span.h"

void gh_treap_insert(struct gh_span **root, struct gh_span *run, uint32_t priority);
/* The run must be there, with the base and pages it was inserted with. */
void gh_treap_remove(struct gh_span **root, struct gh_span *run);

/* The shortest run of npages or more, the lowest of those: Go 1.5's bestFit. NULL if there is none. */
struct gh_span *gh_treap_best_fit(struct gh_span *root, uint64_t npages);
/* A run of npages or more where Go 1.11 stops looking (mTreap.remove): at a node whose left child is too short, even if
 * what is to the right of that child would fit better. NULL if there is none. */
struct gh_span *gh_treap_first_fit(struct gh_span *root, uint64_t npages);

/* Below a node, and at it: whether the order and the priorities are right, with *runs and *pages added up. */
bool gh_treap_verify(const struct gh_span *node, uint64_t *runs, uint64_t *pages);

/* What the descriptor of a run keeps where a small span has its bits. */
static inline uint64_t gh_run_released(const struct gh_span *run)
{
    return run->inline_bits[0];
}

static inline void gh_run_set_released(struct gh_span *run, uint64_t pages)
{
    run->inline_bits[0] = pages;
}

static inline uint32_t gh_run_priority(const struct gh_span *run)
{
    return (uint32_t)run->inline_bits[1];
}

#endif
