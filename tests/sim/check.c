#include "tests/sim/check.h"

#include "core/base/mem.h"
#include "tests/sim/breaks.h"

struct check *check_new(struct sim *s)
{
    struct check *c = mem_zalloc(sizeof(*c));
    c->sentinels = check_sentinel_new();
    c->data = check_data_new();
    c->fences = check_fence_new();
    c->loose = false;
    c->agreed_at = -1;
    return c;
}

void check_free(struct check *c)
{
    check_sentinel_free(c->sentinels);
    check_data_free(c->data);
    check_fence_free(c->fences);
    mem_free(c);
}

bool check_wanted(const struct sim *s, const char *checker)
{
    return !s->broken || strcmp(s->broken->checker, checker) == 0;
}
