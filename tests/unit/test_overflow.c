#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/must.h"
#include "replication/overflow.h"
#include "tests/unit/check_main.h"

#define BLOCK 5000

static bool put(struct overflow *o, char letter, int64_t *place)
{
    char bytes[BLOCK];
    memset(bytes, letter, BLOCK);
    return o->store.put(o, slice_of(bytes, BLOCK), place);
}

static bool get(struct overflow *o, char letter, int64_t place)
{
    char bytes[BLOCK];
    if (!o->store.get(o, place, bytes, BLOCK)) return false;
    for (int i = 0; i < BLOCK; i++) ck_assert_int_eq(bytes[i], letter);
    return true;
}

static void start(struct overflow *o, const char *dir, uint64_t most)
{
    overflow_init(o);
    overflow_settings(o, dir, most);
}

START_TEST(comes_back_as_it_went)
{
    struct overflow o;
    int64_t place[20];
    start(&o, "/tmp", 0);
    for (int i = 0; i < 20; i++) ck_assert(put(&o, (char)('a' + i), &place[i]));
    for (int i = 19; i >= 0; i--) ck_assert(get(&o, (char)('a' + i), place[i]));
    for (int i = 0; i < 19; i++) o.store.drop(&o, place[i], BLOCK);
    ck_assert_int_eq(o.held, BLOCK);
    ck_assert(get(&o, 't', place[19]));
    o.store.drop(&o, place[19], BLOCK);
    ck_assert_int_eq(o.fd, -1); /* nothing is left behind */
    ck_assert_uint_eq(o.errors, 0);
    overflow_free(&o);
}
END_TEST

START_TEST(no_folder_and_no_room)
{
    struct overflow o;
    int64_t place;
    start(&o, "/nowhere/at/all", 0);
    ck_assert(!put(&o, 'a', &place));
    ck_assert_ptr_nonnull(strstr(o.last_error.text, "No such file"));
    overflow_settings(&o, "/tmp", 0);
    ck_assert(put(&o, 'a', &place)); /* it is tried again, and the trouble forgotten */
    ck_assert_str_eq(o.last_error.text, "");
    overflow_settings(&o, "/tmp", BLOCK + 1);
    int64_t other;
    ck_assert(!put(&o, 'b', &other));
    ck_assert_ptr_nonnull(strstr(o.last_error.text, "repl-spool-file-max"));
    ck_assert_uint_eq(o.errors, 2);
    o.store.drop(&o, place, BLOCK);
    overflow_free(&o);
}
END_TEST

/* The disk is full; it gives other bytes; it gives none. */
START_TEST(a_bad_disk)
{
    struct overflow o;
    int64_t place;
    start(&o, "/tmp", 0);
    o.fd = open("/dev/full", O_RDWR);
    must(o.fd >= 0);
    ck_assert(!put(&o, 'a', &place));
    ck_assert_ptr_nonnull(strstr(o.last_error.text, "No space left"));
    close(o.fd);
    o.fd = -1;
    ck_assert(put(&o, 'a', &place));
    ck_assert_int_eq(pwrite(o.fd, "b", 1, place + 4711), 1);
    ck_assert(!get(&o, 'a', place));
    ck_assert_ptr_nonnull(strstr(o.last_error.text, "checksum"));
    ck_assert_int_eq(ftruncate(o.fd, place + 100), 0);
    ck_assert(!get(&o, 'a', place));
    o.store.drop(&o, place, BLOCK);
    overflow_free(&o);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(comes_back_as_it_went),
    UNIT(no_folder_and_no_room),
    UNIT(a_bad_disk),
};
UNIT_MAIN("overflow", cases)
