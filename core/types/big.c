#include "core/types/big.h"

#include "core/base/mem.h"

struct big *big_new(const struct table_type *type, const struct hash_key *key, size_t expected)
{
    struct big *b = mem_alloc(sizeof(*b));
    b->key = *key;
    table_init(&b->t, type, &b->key);
    table_reserve(&b->t, expected);
    return b;
}

void big_free(struct big *b, void (*free_cell)(void *cell))
{
    struct table_iter it;
    table_iter_start(&it, &b->t);
    for (void *cell; (cell = table_iter_next(&it));) free_cell(cell);
    table_iter_end(&it);
    table_free(&b->t);
    mem_free(b);
}
