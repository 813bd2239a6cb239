#include <check.h>

#include "check_main.h"
#include "server/persist/aof_manifest.h"

static const char usual[] = "file a.2.base.rdb seq 2 type b\n"
                            "file a.1.incr.aof seq 1 type h\n"
                            "file a.3.incr.aof seq 3 type i\n"
                            "file a.4.incr.aof seq 4 type i\n";

static struct aof_manifest read_good(const char *text)
{
    struct aof_manifest m = { 0 };
    struct errmsg msg = { 0 };
    ck_assert_msg(aof_manifest_parse(&m, slice_z(text), &msg) == ERR_NONE, "%s", msg.text);
    return m;
}

static void expect(const struct aof_manifest *m, const char *text)
{
    struct buf out = { 0 };
    aof_manifest_print(m, &out);
    buf_putc(&out, 0);
    ck_assert_str_eq(buf_head(&out), text);
    buf_free(&out);
}

START_TEST(reads_and_prints)
{
    struct aof_manifest m = read_good(usual);
    expect(&m, usual);
    ck_assert_str_eq(aof_manifest_base(&m)->name, "a.2.base.rdb");
    ck_assert_str_eq(aof_manifest_last_incr(&m)->name, "a.4.incr.aof");
    aof_manifest_free(&m);
}
END_TEST

START_TEST(a_rewrite)
{
    struct aof_manifest m = read_good(usual);
    ck_assert_str_eq(aof_manifest_add_incr(&m, "a"), "a.5.incr.aof");
    aof_manifest_retire_base(&m);
    aof_manifest_retire_incrs(&m, true);
    ck_assert_str_eq(aof_manifest_add_base(&m, "a", false), "a.3.base.aof");
    expect(&m, "file a.3.base.aof seq 3 type b\nfile a.1.incr.aof seq 1 type h\n"
               "file a.2.base.rdb seq 2 type h\nfile a.3.incr.aof seq 3 type h\n"
               "file a.4.incr.aof seq 4 type h\nfile a.5.incr.aof seq 5 type i\n");
    ck_assert(aof_manifest_has_history(&m));
    aof_manifest_forget_history(&m);
    expect(&m, "file a.3.base.aof seq 3 type b\nfile a.5.incr.aof seq 5 type i\n");
    aof_manifest_free(&m);
}
END_TEST

START_TEST(names_are_quoted)
{
    struct aof_manifest m = { 0 };
    aof_manifest_add_named_base(&m, "a \"b\"\x01.aof");
    expect(&m, "file \"a \\\"b\\\"\\x01.aof\" seq 1 type b\n");
    aof_manifest_free(&m);
}
END_TEST

START_TEST(refuses)
{
    static const char *const bad[][2] = {
        { "", "empty AOF manifest" },
        { "\n", "Invalid AOF manifest file format" },
        { "file a seq 1 type i", "Invalid AOF manifest file format" }, /* no line end */
        { "file a seq 0 type i\n", "Invalid AOF manifest file format" },
        { "file a seq 1 type ii\n", "Invalid AOF manifest file format" },
        { "file a seq 1 type i x\n", "Invalid AOF manifest file format" },
        { "file a/b seq 1 type i\n", "can't be a path" },
        { "file a seq 1 type b\nfile b seq 2 type b\n", "duplicate base" },
        { "file a seq 2 type i\nfile b seq 2 type i\n", "non-monotonic" },
        { "file a seq 1 type x\n", "Unknown AOF file type" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct aof_manifest m = { 0 };
        struct errmsg msg = { 0 };
        ck_assert_int_ne(aof_manifest_parse(&m, slice_z(bad[i][0]), &msg), ERR_NONE);
        ck_assert_msg(strstr(msg.text, bad[i][1]), "%s", msg.text);
        ck_assert_int_eq(m.at.n, 0);
    }
}
END_TEST

static const struct unit_case cases[] = { UNIT(reads_and_prints), UNIT(a_rewrite),
                                          UNIT(names_are_quoted), UNIT(refuses) };
UNIT_MAIN("aof_manifest", cases)
