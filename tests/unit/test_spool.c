#include <string.h>

#include "core/base/must.h"
#include "replication/spool.h"
#include "tests/unit/check_main.h"

static struct errmsg msg;

/* What goes in comes out, whatever the limit and the sizes of the pieces. */
static void through(uint64_t memory, size_t in, size_t out, size_t total)
{
    struct spool s;
    size_t put = 0, got = 0;
    char piece[5000];
    spool_init(&s);
    while (got < total) {
        size_t n = total - put < in ? total - put : in;
        for (size_t i = 0; i < n; i++) piece[i] = (char)((put + i) % 251);
        ck_assert_int_eq(spool_put(&s, slice_of(piece, n), "/tmp", memory, &msg), ERR_NONE);
        put += n;
        struct slice p;
        ck_assert_int_eq(spool_peek(&s, &p, &msg), ERR_NONE);
        if (p.n > out) p.n = out;
        size_t wrong = 0;
        for (size_t i = 0; i < p.n; i++) wrong += (unsigned char)p.p[i] != (got + i) % 251;
        ck_assert_uint_eq(wrong, 0);
        spool_take(&s, p.n);
        got += p.n;
        ck_assert_int_eq(spool_size(&s), (int64_t)(put - got));
    }
    ck_assert_int_eq(s.fd, -1); /* it is given back when all was taken */
    spool_free(&s);
}

START_TEST(in_order)
{
    through(1 << 20, 100, 1000, 50000);
    through(1000, 300, 100, 50000);
    through(0, 777, 5000, 100000);
    through(4096, 5000, 4999, 3000000);
}
END_TEST

START_TEST(more_behind)
{
    struct spool s;
    struct slice p;
    spool_init(&s);
    ck_assert_int_eq(spool_put(&s, SLICE("abc"), "/tmp", 3, &msg), ERR_NONE);
    ck_assert_int_eq(spool_put(&s, SLICE("def"), "/tmp", 3, &msg), ERR_NONE);
    ck_assert_int_eq(spool_peek(&s, &p, &msg), ERR_NONE);
    ck_assert(slice_eqz(p, "abc"));
    ck_assert_int_eq(spool_more(&s, &msg), ERR_NONE);
    ck_assert_int_eq(spool_peek(&s, &p, &msg), ERR_NONE);
    ck_assert(slice_eqz(p, "abcdef"));
    spool_free(&s);
    ck_assert_int_eq(spool_size(&s), 0);
}
END_TEST

START_TEST(no_folder)
{
    struct spool s;
    spool_init(&s);
    ck_assert_int_eq(spool_put(&s, SLICE("abc"), "/none/such", 1, &msg), ERR_NOTFOUND);
    spool_free(&s);
}
END_TEST

static const struct unit_case cases[] = { UNIT(in_order), UNIT(more_behind), UNIT(no_folder) };
UNIT_MAIN("spool", cases)
