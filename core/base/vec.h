/* vec: a typed growable array. `VEC(struct thing) v = {0}; vec_push(&v, x);` Owns the array, not
 * what its elements point to. Element pointers are lent until the next push. Pure. */
#ifndef CORE_BASE_VEC_H
#define CORE_BASE_VEC_H

#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *at;                                                                                  \
        size_t n, cap;                                                                             \
    }

#define vec_reserve(v, want)                                                                       \
    do {                                                                                           \
        if ((v)->cap < (want)) {                                                                   \
            size_t cap_ = (v)->cap ? (v)->cap * 2 : 4;                                             \
            if (cap_ < (want)) cap_ = (want);                                                      \
            (v)->at = mem_realloc((v)->at, cap_ * sizeof(*(v)->at));                               \
            (v)->cap = cap_;                                                                       \
        }                                                                                          \
    } while (0)
#define vec_push(v, ...)                                                                           \
    do {                                                                                           \
        vec_reserve((v), (v)->n + 1);                                                              \
        (v)->at[(v)->n++] = (__VA_ARGS__);                                                         \
    } while (0)
#define vec_pop(v) ((v)->at[--(v)->n])
#define vec_last(v) ((v)->at[(v)->n - 1])
/* Removes element i, keeping the order. */
#define vec_remove(v, i)                                                                           \
    do {                                                                                           \
        size_t i_ = (i);                                                                           \
        must(i_ < (v)->n);                                                                         \
        memmove((v)->at + i_, (v)->at + i_ + 1, ((v)->n - i_ - 1) * sizeof(*(v)->at));             \
        (v)->n--;                                                                                  \
    } while (0)
/* Inserts before element i, keeping the order. */
#define vec_insert(v, i, ...)                                                                      \
    do {                                                                                           \
        size_t i_ = (i);                                                                           \
        must(i_ <= (v)->n);                                                                        \
        vec_reserve((v), (v)->n + 1);                                                              \
        memmove((v)->at + i_ + 1, (v)->at + i_, ((v)->n - i_) * sizeof(*(v)->at));                 \
        (v)->at[i_] = (__VA_ARGS__);                                                               \
        (v)->n++;                                                                                  \
    } while (0)
#define vec_clear(v) ((v)->n = 0)
#define vec_free(v)                                                                                \
    do {                                                                                           \
        mem_free((v)->at);                                                                         \
        (v)->at = NULL;                                                                            \
        (v)->n = (v)->cap = 0;                                                                     \
    } while (0)

#endif
