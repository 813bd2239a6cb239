#include "replication/ahead.h"

#include <stdbool.h>
#include <stdint.h>

#define DIGITS_MAX 9 /* of a length: a longer one is not worth the look */

/* "<kind><number>\r\n" at *at; false: cut off, or something else. */
static bool head(struct slice b, size_t *at, char kind, size_t *n)
{
    size_t i = *at, value = 0;
    if (i >= b.n || b.p[i] != kind) return false;
    size_t first = ++i;
    while (i < b.n && b.p[i] >= '0' && b.p[i] <= '9' && i - first < DIGITS_MAX)
        value = value * 10 + (size_t)(b.p[i++] - '0');
    if (i == first || i + 1 >= b.n || b.p[i] != '\r' || b.p[i + 1] != '\n') return false;
    *at = i + 2;
    *n = value;
    return true;
}

/* One command; false: not whole. `key` stays empty when it has no second word. */
static bool command(struct slice b, size_t *at, struct slice *key)
{
    size_t words, n;
    if (!head(b, at, '*', &words)) return false;
    for (size_t i = 0; i < words; i++) {
        if (!head(b, at, '$', &n) || b.n - *at < n + 2) return false;
        if (i == 1) *key = slice_of(b.p + *at, n);
        *at += n + 2;
    }
    return true;
}

int ahead_keys(struct slice bytes, struct slice keys[AHEAD_MAX], size_t *covered)
{
    size_t at = 0;
    int n = 0;
    *covered = 0;
    for (int i = 0; i < AHEAD_MAX; i++) {
        struct slice key = { 0 };
        if (!command(bytes, &at, &key)) break;
        if (key.n > 0) keys[n++] = key;
        *covered = at;
    }
    return n;
}
