/* The forms of the command line, without files. */
#include "core/front/cmdline.h"
#include "tests/unit/check_main.h"

#define ARGC_MAX 16

struct parsed {
    struct conf_lines lines;
    const char *file;
    bool from_stdin;
    struct buf text;
};

static struct parsed parsed_all;

/* Every line's text in order, with a ';' behind each. */
static const char *parse(const char *const *args)
{
    struct parsed *p = &parsed_all;
    char *argv[ARGC_MAX] = { (char *)"tanist" };
    int argc = 1;
    while (args[argc - 1]) argv[argc] = (char *)args[argc - 1], argc++;
    conf_lines_free(&p->lines);
    buf_clear(&p->text);
    cmdline_options(&p->lines, argc, argv, &p->file, &p->from_stdin);
    for (size_t i = 0; i < p->lines.line.n; i++) {
        buf_fmt(&p->text, "%s;", p->lines.line.at[i].text);
    }
    buf_putc(&p->text, 0);
    return buf_head(&p->text);
}
#define ARGS(...) parse((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(options_become_lines)
{
    ck_assert_str_eq(ARGS("--port", "6380", "--replicaof", "127.0.0.1", "6379"),
                     "port \"6380\";replicaof \"127.0.0.1\" \"6379\";");
    ck_assert_ptr_null(parsed_all.file);
    ck_assert_str_eq(ARGS("a.conf", "--loglevel", "verbose"), "loglevel \"verbose\";");
    ck_assert_str_eq(parsed_all.file, "a.conf");
    ck_assert_str_eq(ARGS("--port=6380", "--save", "1", "2"), "port \"6380\";save \"1\" \"2\";");
    ck_assert_str_eq(ARGS("a.conf", "--requirepass", "a b\"c"), "requirepass \"a b\\\"c\";");
    parse((const char *const[]){ NULL });
    conf_lines_free(&parsed_all.lines);
    buf_free(&parsed_all.text);
}
END_TEST

START_TEST(values_may_look_like_options)
{
    ck_assert_str_eq(ARGS("--masterauth", "--secret", "--port", "1"),
                     "masterauth \"--secret\";port \"1\";");
    ck_assert_str_eq(ARGS("--bind", "127.0.0.1", "-::1", "--port", "1"),
                     "bind \"127.0.0.1\" \"-::1\";port \"1\";");
    ck_assert_str_eq(ARGS("--port", "--replicaof"), "port \"--replicaof\";");
    ck_assert_str_eq(ARGS("--port"), "port;");
    conf_lines_free(&parsed_all.lines);
    buf_free(&parsed_all.text);
}
END_TEST

START_TEST(save_and_sentinel_may_stand_alone)
{
    ck_assert_str_eq(ARGS("--save", "--port", "1"), "save \"\";port \"1\";");
    ck_assert_str_eq(ARGS("--save"), "save \"\";");
    ck_assert_str_eq(ARGS("--save", ""), "save \"\";");
    ck_assert_str_eq(ARGS("s.conf", "--sentinel"), "");
    ck_assert_str_eq(ARGS("s.conf", "--sentinel", "--port", "1"), "port \"1\";");
    ck_assert_str_eq(ARGS("s.conf", "--port", "1", "--sentinel"), "port \"1\";");
    ck_assert_str_eq(ARGS("s.conf", "--sentinel", "monitor", "a", "b", "1", "2"),
                     "sentinel \"monitor\" \"a\" \"b\" \"1\" \"2\";");
    conf_lines_free(&parsed_all.lines);
    buf_free(&parsed_all.text);
}
END_TEST

START_TEST(standard_input)
{
    ck_assert_str_eq(ARGS("-"), "");
    ck_assert(parsed_all.from_stdin);
    ck_assert_str_eq(ARGS("a.conf", "--loglevel", "verbose", "-"), "loglevel \"verbose\";");
    ck_assert(parsed_all.from_stdin);
    ck_assert_str_eq(ARGS("-", "--port", "1"), "port \"1\";");
    ck_assert(parsed_all.from_stdin);
    ck_assert_str_eq(ARGS("--requirepass", "-", "--port", "1"), "requirepass \"-\";port \"1\";");
    ck_assert(!parsed_all.from_stdin);
    conf_lines_free(&parsed_all.lines);
    buf_free(&parsed_all.text);
}
END_TEST

START_TEST(personality)
{
    static const struct { const char *name, *flag; bool sentinel; } all[] = {
        { "tanist", "x", false },
        { "/usr/bin/redis-sentinel", "x", true },
        { "x-redis-sentinel-y", "x", true },
        { "/opt/sentinel/redis-server", "x", false },
        { "redis-server", "--sentinel", true },
        { "redis-server", "--sentinels", false },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char *argv[] = { (char *)all[i].name, (char *)"f", (char *)all[i].flag };
        ck_assert_msg(cmdline_is_sentinel(3, argv) == all[i].sentinel, "%s %s", all[i].name,
                      all[i].flag);
    }
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(options_become_lines), UNIT(values_may_look_like_options),
    UNIT(save_and_sentinel_may_stand_alone), UNIT(standard_input), UNIT(personality),
};
UNIT_MAIN("cmdline", cases)
