#include "replication/ahead.h"
#include "tests/unit/check_main.h"

#define SET(k) "*3\r\n$3\r\nSET\r\n$1\r\n" k "\r\n$2\r\nxy\r\n"
#define PING "*1\r\n$4\r\nPING\r\n"

static struct slice keys[AHEAD_MAX];
static size_t covered;

static int look(const char *z) { return ahead_keys(slice_z(z), keys, &covered); }

START_TEST(second_words)
{
    ck_assert_int_eq(look(SET("a") PING SET("b")), 2);
    ck_assert(slice_eqz(keys[0], "a") && slice_eqz(keys[1], "b"));
    ck_assert_uint_eq(covered, strlen(SET("a") PING SET("b")));
}
END_TEST

START_TEST(cut_off_anywhere)
{
    const char *all = SET("a") SET("b");
    size_t one = strlen(SET("a"));
    for (size_t n = 0; n < strlen(all); n++) {
        ck_assert_int_eq(ahead_keys(slice_of(all, n), keys, &covered), n >= one);
        ck_assert_uint_eq(covered, n >= one ? one : 0);
    }
}
END_TEST

START_TEST(not_plain)
{
    static const char *const odd[] = { "", "\n", "PING\r\n", "*x\r\n", "*-1\r\n", "*1\n$4\nPING\n",
                                       "*2\r\n:1\r\n",
                                       "*1\r\n$99999999999999999999\r\nx\r\n", "*9999999999\r\n",
                                       "*2\r\n$1\r\na\r\n$" };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        ck_assert_int_eq(look(odd[i]), 0);
        ck_assert_uint_eq(covered, 0);
    }
}
END_TEST

START_TEST(no_more_than_asked)
{
    char many[4000] = "";
    for (int i = 0; i < 40; i++) strcat(many, SET("k"));
    ck_assert_int_eq(look(many), AHEAD_MAX);
    ck_assert_uint_eq(covered, AHEAD_MAX * strlen(SET("k")));
}
END_TEST

static const struct unit_case cases[] = { UNIT(second_words), UNIT(cut_off_anywhere),
                                          UNIT(not_plain), UNIT(no_more_than_asked) };
UNIT_MAIN("ahead", cases)
