/* The lexer, the engine of rows and the rewriter, over a small table of the test's own. */
#include <stdio.h>
#include <unistd.h>

#include "core/conf/rewrite.h"
#include "core/conf/table.h"
#include "core/sys/file.h"
#include "tests/unit/check_main.h"

/* ---- a small table ---- */

struct values {
    bool flag;
    int number, colour, mode;
    int64_t wide, share;
    uint64_t bytes;
    char *text, *start, *secret;
    int word_list; /* number of words seen */
    int no_effect, refused;
};

struct host {
    struct values v;
    struct conf conf;
    int first_runs, second_runs;
    bool second_fails;
    int number_seen;
};

static void count_init(void *list) { *(int *)list = 1; }
static void count_copy(void *to, const void *from) { *(int *)to = *(const int *)from; }
static void count_free(void *list) {}
static enum err count_read(void *list, const struct slice *word, size_t n, bool live,
                           struct errmsg *m)
{
    *(int *)list = (int)n;
    return n > 3 ? err_set(m, ERR_LIMIT, "too many") : ERR_NONE;
}
static void count_print(const void *list, struct buf *out) { buf_puti(out, *(const int *)list); }
static const struct conf_list_ops count_ops = { sizeof(int), count_init,  count_copy, count_free,
                                                count_read,  count_print, NULL };

static enum err first(void *owner, struct errmsg *m)
{
    struct host *h = owner;
    h->first_runs++;
    h->number_seen = h->v.number;
    return ERR_NONE;
}

static enum err second(void *owner, struct errmsg *m)
{
    struct host *h = owner;
    h->second_runs++;
    return h->second_fails ? err_set(m, ERR_IO, "no room") : ERR_NONE;
}

static enum err no_slash(const void *value, struct errmsg *m)
{
    return strchr(*(char *const *)value, '/') ? err_set(m, ERR_SYNTAX, "no slash") : ERR_NONE;
}

static const struct conf_name colours[] = { { "red", 1 }, { "green", 2 }, { NULL, 0 } };
static const struct conf_name modes[] = { { "none", 0 },
                                          { "fast", 1 },
                                          { "safe", 2 },
                                          { NULL, 0 } };

#define AT(f) .offset = offsetof(struct values, f)
static const struct conf_row rows[] = {
    { "flag", .kind = CONF_BOOL, AT(flag), .def = 1 },
    { "number", "old-number", CONF_INT, AT(number), .def = 5, .max = 10, .apply = first },
    { "wide", .kind = CONF_MS, AT(wide), .def = 7, .apply = first },
    { "colour", .kind = CONF_ENUM, AT(colour), .def = 1, .of = colours },
    { "mode", .kind = CONF_ENUM, AT(mode), .flags = CONF_BITS, .of = modes },
    { "share", .kind = CONF_PERCENT_OR_SIZE, AT(share), .min = -100 },
    { "bytes", .kind = CONF_SIZE, AT(bytes), .def = 1024, .min = 10, .apply = second },
    { "text", .kind = CONF_TEXT, AT(text), .def_text = "abc", .check = no_slash },
    { "start", .kind = CONF_TEXT, AT(start), .flags = CONF_START },
    { "guarded", .kind = CONF_TEXT, AT(secret), .flags = CONF_PROTECTED },
    { "words", .kind = CONF_LIST, AT(word_list), .list = &count_ops },
    { "hushed", .kind = CONF_INT, AT(no_effect), .flags = CONF_HIDDEN, .status = CONF_NO_EFFECT,
      .note = "because" },
    { "never", .kind = CONF_INT, AT(refused), .status = CONF_REFUSED, .note = "not here" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void host_init(struct host *h)
{
    *h = (struct host){ 0 };
    conf_init(&h->conf);
    conf_add(&h->conf, rows, ROWS, &h->v, h);
}

/* Loads text; the reason of the first error, "" if none. */
static const char *load(struct host *h, const char *text)
{
    static char reason[ERRMSG_MAX];
    struct conf_lines l;
    conf_lines_init(&l);
    conf_read_text(&l, "t", slice_z(text));
    conf_load(&h->conf, &l, NULL);
    text_copy(reason, sizeof(reason), l.error.n ? l.error.at[0].reason : "");
    conf_lines_free(&l);
    return reason;
}

static const char *set(struct host *h, const char *name, const char *value)
{
    static struct errmsg m;
    struct conf_pair pair = { slice_z(name), slice_z(value) };
    m.text[0] = 0;
    conf_set(&h->conf, &pair, 1, 0, &m);
    return m.text;
}

/* ---- the lexer ---- */

static void check_words(const char *line, size_t n, const char *const *want, const char *comment)
{
    struct conf_words w;
    struct slice found;
    ck_assert_msg(conf_split(slice_z(line), &w, &found), "%s", line);
    ck_assert_uint_eq(w.n, n);
    for (size_t i = 0; i < n; i++) ck_assert_str_eq(str_c(w.at[i]), want[i]);
    ck_assert(slice_eqz(found, comment));
    conf_words_free(&w);
}
#define WORDS(line, comment, ...)                                               \
    do {                                                                        \
        const char *want_[] = { __VA_ARGS__ };                                  \
        check_words(line, sizeof(want_) / sizeof(want_[0]), want_, comment);    \
    } while (0)

START_TEST(words_quotes_and_escapes)
{
    WORDS("a  b\tc", "", "a", "b", "c");
    WORDS("save \"\"", "", "save", "");
    WORDS("x \"a b\" 'c d'", "", "x", "a b", "c d");
    WORDS("x \"\\x41\\n\\t\\\"\\\\\\q\"", "", "x", "A\n\t\"\\q");
    WORDS("x 'it\\'s \\n'", "", "x", "it's \\n");
    WORDS("x pre\"fix ed\"", "", "x", "prefix ed");
    WORDS("x \"\\x4\"", "", "x", "x4");
}
END_TEST

START_TEST(words_unbalanced)
{
    const char *bad[] = { "a \"b", "a 'b", "a \"b\"c", "a 'b'c", "\"", "a \"b\\\"" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct conf_words w;
        ck_assert_msg(!conf_split(slice_z(bad[i]), &w, NULL), "%s", bad[i]);
        ck_assert_uint_eq(w.n, 0);
    }
}
END_TEST

START_TEST(words_trailing_comment)
{
    WORDS("replicaof 127.0.0.1 6379  # Master's host", "# Master's host", "replicaof", "127.0.0.1",
          "6379");
    WORDS("user a on #0123abc ~*", "", "user", "a", "on", "#0123abc", "~*");
    WORDS("requirepass #", "", "requirepass", "#");
    WORDS("requirepass # # secret", "# secret", "requirepass", "#");
    WORDS("requirepass a#b", "", "requirepass", "a#b");
    WORDS("requirepass \"#\" #", "#", "requirepass", "#");
    WORDS("logfile \"a # b\"", "", "logfile", "a # b");
}
END_TEST

START_TEST(quoting_reads_back)
{
    for (int round = 0; round < 2; round++) {
        for (int c = 0; c < 256; c++) {
            char raw[3] = { 'a', (char)c, '"' };
            struct buf out = { 0 };
            struct conf_words w;
            buf_putz(&out, "x y ");
            if (round) conf_quote_always(&out, slice_of(raw, 3));
            else conf_quote(&out, slice_of(raw, 3));
            ck_assert(conf_split(buf_slice(&out), &w, NULL) && w.n == 3);
            ck_assert(slice_eq(str_slice(w.at[2]), slice_of(raw, 3)));
            conf_words_free(&w);
            buf_free(&out);
        }
    }
}
END_TEST

START_TEST(lines_keep_their_numbers)
{
    struct conf_lines l;
    conf_lines_init(&l);
    conf_read_text(&l, "f", SLICE("\xef\xbb\xbf# c\r\n\r\nPort 1\r\n bad \"x\n  dir /"));
    ck_assert_uint_eq(l.line.n, 2);
    ck_assert_str_eq(str_c(l.line.at[0].word[0]), "port");
    ck_assert_int_eq(l.line.at[0].number, 3);
    ck_assert_str_eq(l.line.at[1].text, "dir /");
    ck_assert_int_eq(l.line.at[1].number, 5);
    ck_assert_uint_eq(l.error.n, 1);
    ck_assert_int_eq(l.error.at[0].number, 4);
    ck_assert_str_eq(l.error.at[0].reason, "Unbalanced quotes in configuration line");
    conf_lines_free(&l);
}
END_TEST

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

START_TEST(includes)
{
    char folder[] = "/tmp/tanist-conf-XXXXXX", path[64], text[400];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *names[] = { "a.conf", "b.conf", "self" };
    const char *bodies[] = { "one 1\n", "\ntwo 2\n", NULL };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        snprintf(text, sizeof(text), "include %s\n", path);
        write_file(path, bodies[i] ? bodies[i] : text);
    }
    struct conf_lines l;
    conf_lines_init(&l);
    snprintf(text, sizeof(text),
             "zero 0\ninclude %s/*.conf\ninclude %s/none*\nthree 3\ninclude %s/gone\n"
             "include %s/self\n",
             folder, folder, folder, folder);
    conf_read_text(&l, "top", slice_z(text));
    ck_assert_uint_eq(l.line.n, 4);
    ck_assert_str_eq(l.line.at[2].text, "two 2");
    ck_assert_int_eq(l.line.at[2].number, 2);
    ck_assert_ptr_nonnull(strstr(l.line.at[2].file, "/b.conf"));
    ck_assert_int_eq(l.line.at[3].number, 4);
    ck_assert_uint_eq(l.error.n, 2);
    ck_assert_ptr_nonnull(strstr(l.error.at[0].reason, "No such file or directory"));
    ck_assert_ptr_nonnull(strstr(l.error.at[1].reason, "nested"));
    conf_lines_free(&l);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}
END_TEST

/* ---- the engine ---- */

START_TEST(defaults_and_kinds)
{
    struct host h;
    host_init(&h);
    ck_assert(h.v.flag && h.v.number == 5 && h.v.wide == 7 && h.v.colour == 1 && h.v.mode == 0);
    ck_assert(h.v.bytes == 1024 && h.v.word_list == 1);
    ck_assert_str_eq(h.v.text, "abc");
    ck_assert_str_eq(h.v.start, "");
    ck_assert_str_eq(load(&h, "FLAG no\nold-number 9\nwide 1000000000000\ncolour GREEN\n"
                              "mode safe fast\nshare 25%\nbytes 2kb\ntext \"x y\"\nwords a b\n"),
                     "");
    ck_assert(!h.v.flag && h.v.number == 9 && h.v.wide == 1000000000000 && h.v.colour == 2);
    ck_assert(h.v.mode == 3 && h.v.share == -25 && h.v.bytes == 2048 && h.v.word_list == 2);
    ck_assert_str_eq(h.v.text, "x y");
    ck_assert_int_eq(h.first_runs, 0); /* loading applies nothing */
    conf_free(&h.conf);
}
END_TEST

START_TEST(errors_are_in_redis_words)
{
    static const struct { const char *line, *reason; } bad[] = {
        { "nothing 1", "Bad directive or wrong number of arguments" },
        { "number", "wrong number of arguments" },
        { "number 1 2", "wrong number of arguments" },
        { "number x", "argument couldn't be parsed into an integer" },
        { "number 11", "argument must be between 0 and 10 inclusive" },
        { "flag maybe", "argument must be 'yes' or 'no'" },
        { "bytes 1gib", "argument must be a memory value" },
        { "bytes 1", "argument must be between 10 and 18446744073709551615 inclusive" },
        { "share 101%", "percentage argument must be less or equal to 100" },
        { "share x", "argument must be a memory or percent value" },
        { "colour blue", "argument(s) must be one of the following: red, green" },
        { "mode fast blue", "argument(s) must be one of the following: none, fast, safe" },
        { "text a/b", "no slash" },
        { "words a b c d", "too many" },
        { "never 1", "not here" },
    };
    struct host h;
    host_init(&h);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_str_eq(load(&h, bad[i].line), bad[i].reason);
    }
    ck_assert_int_eq(h.v.number, 5);
    ck_assert_str_eq(load(&h, "never 0\nhushed 3\nhushed 4\n"), "");
    ck_assert_uint_eq(h.conf.without_effect.n, 1);
    conf_free(&h.conf);
}
END_TEST

static void collect(void *to, const char *name, struct slice value)
{
    buf_fmt(to, "%s=%.*s;", name, SLICE_ARG(value));
}

START_TEST(get_by_patterns)
{
    struct host h;
    struct buf out = { 0 };
    struct slice p[] = { SLICE("*NUMBER"), SLICE("s*"), SLICE("number"), SLICE("hush*") };
    host_init(&h);
    conf_get(&h.conf, p, 4, collect, &out);
    ck_assert(slice_eqz(buf_slice(&out), "number=5;old-number=5;share=0;start=;"));
    buf_clear(&out);
    p[0] = SLICE("Hushed");
    conf_get(&h.conf, p, 1, collect, &out);
    ck_assert(slice_eqz(buf_slice(&out), "hushed=0;"));
    buf_free(&out);
    conf_free(&h.conf);
}
END_TEST

START_TEST(set_one)
{
    struct host h;
    host_init(&h);
    ck_assert_str_eq(set(&h, "Number", "3"), "");
    ck_assert(h.v.number == 3 && h.first_runs == 1);
    ck_assert_str_eq(set(&h, "mode", "fast safe"), "");
    ck_assert_int_eq(h.v.mode, 3);
    ck_assert_str_eq(set(&h, "text", ""), "");
    ck_assert_str_eq(h.v.text, "");
    ck_assert_str_eq(set(&h, "nope", "3"),
                     "Unknown option or number of arguments for CONFIG SET - 'nope'");
    ck_assert_str_eq(set(&h, "start", "3"), "CONFIG SET failed (possibly related to argument "
                                            "'start') - can't set immutable config");
    ck_assert_str_eq(set(&h, "guarded", "3"), "CONFIG SET failed (possibly related to argument "
                                              "'guarded') - can't set protected config");
    struct conf_pair pair = { SLICE("guarded"), SLICE("yes") };
    ck_assert_int_eq(conf_set(&h.conf, &pair, 1, CONF_SET_PROTECTED, NULL), ERR_NONE);
    ck_assert_str_eq(h.v.secret, "yes");
    conf_free(&h.conf);
}
END_TEST

START_TEST(set_is_all_or_nothing)
{
    struct host h;
    struct errmsg m;
    struct conf_pair p[] = { { SLICE("number"), SLICE("8") }, { SLICE("text"), SLICE("new") },
                             { SLICE("wide"), SLICE("9") },   { SLICE("colour"), SLICE("blue") } };
    host_init(&h);
    ck_assert_int_ne(conf_set(&h.conf, p, 4, 0, &m), ERR_NONE);
    ck_assert_ptr_nonnull(strstr(m.text, "related to argument 'colour'"));
    ck_assert(h.v.number == 5 && h.first_runs == 0);
    ck_assert_str_eq(h.v.text, "abc");
    p[3] = (struct conf_pair){ SLICE("Number"), SLICE("1") };
    ck_assert_int_ne(conf_set(&h.conf, p, 4, 0, &m), ERR_NONE);
    ck_assert_ptr_nonnull(strstr(m.text, "'Number') - duplicate parameter"));
    ck_assert_int_eq(conf_set(&h.conf, p, 3, 0, &m), ERR_NONE);
    ck_assert(h.v.number == 8 && h.v.wide == 9);
    ck_assert_int_eq(h.first_runs, 1); /* one function, two directives */
    conf_free(&h.conf);
}
END_TEST

START_TEST(set_undoes_when_apply_fails)
{
    struct host h;
    struct errmsg m;
    struct conf_pair p[] = { { SLICE("number"), SLICE("8") }, { SLICE("text"), SLICE("new") },
                             { SLICE("bytes"), SLICE("1mb") } };
    host_init(&h);
    h.second_fails = true;
    ck_assert_int_ne(conf_set(&h.conf, p, 3, 0, &m), ERR_NONE);
    ck_assert_str_eq(m.text,
                     "CONFIG SET failed (possibly related to argument 'bytes') - no room");
    ck_assert(h.v.number == 5 && h.v.bytes == 1024);
    ck_assert_str_eq(h.v.text, "abc");
    ck_assert_int_eq(h.first_runs, 2); /* with the new value, then with the old one */
    ck_assert_int_eq(h.number_seen, 5);
    conf_free(&h.conf);
}
END_TEST

/* ---- the rewriter ---- */

static void check_rewrite(struct host *h, const char *before, const char *after)
{
    struct buf out = { 0 };
    struct conf_rewrite *w = conf_rewrite_text(slice_z(before));
    conf_rewrite_rows(w, &h->conf);
    conf_rewrite_print(w, &out);
    buf_putc(&out, 0);
    ck_assert_str_eq(buf_head(&out), after);
    conf_rewrite_free(w);
    buf_free(&out);
}

START_TEST(rewrite_keeps_what_did_not_change)
{
    struct host h;
    const char *text = "# head\n\n  Old-Number   7  # why seven\nbytes 1mb\nother x \"y\n"
                       "include /etc/x\ntext \"abc\"\n";
    host_init(&h);
    load(&h, "number 7\nbytes 1048576\n");
    check_rewrite(&h, text, text);
    conf_free(&h.conf);
}
END_TEST

START_TEST(rewrite_changes_in_place)
{
    struct host h;
    host_init(&h);
    load(&h, "number 2\nbytes 3mb\nstart \"a b\"\nflag no\n");
    check_rewrite(&h,
                  "old-number 7  # why\n# between\nbytes 1mb\nbytes 2mb\nstart x\ncolour green\n",
                  "number 2  # why\n# between\nbytes 3mb\nstart \"a b\"\ncolour red\n"
                  "\n# Generated by CONFIG REWRITE\nflag no\n");
    check_rewrite(&h,
                  "number 2\nbytes 3mb\nstart \"a b\"\n# Generated by CONFIG REWRITE\n",
                  "number 2\nbytes 3mb\nstart \"a b\"\n# Generated by CONFIG REWRITE\nflag no\n");
    set(&h, "text", "");
    conf_free(&h.conf);
}
END_TEST

START_TEST(rewrite_round_trip)
{
    struct host h, again;
    struct buf out = { 0 }, one = { 0 }, two = { 0 };
    struct slice all = SLICE("*");
    host_init(&h);
    host_init(&again);
    load(&h, "number 2\nbytes 3gb\nstart \"\\x00 \\n'\\\"\"\nflag no\nmode fast safe\nshare 30%\n"
             "text ''\nwide 77\ncolour green\n");
    struct conf_rewrite *w = conf_rewrite_text(SLICE("flag yes\nshare 5mb\n"));
    conf_rewrite_rows(w, &h.conf);
    conf_rewrite_print(w, &out);
    buf_putc(&out, 0);
    ck_assert_str_eq(load(&again, buf_head(&out)), "");
    conf_get(&h.conf, &all, 1, collect, &one);
    conf_get(&again.conf, &all, 1, collect, &two);
    ck_assert(slice_eq(buf_slice(&one), buf_slice(&two)));
    conf_rewrite_free(w);
    buf_free(&out);
    buf_free(&one);
    buf_free(&two);
    conf_free(&h.conf);
    conf_free(&again.conf);
}
END_TEST

START_TEST(rewrite_lines_of_a_family)
{
    struct buf out = { 0 };
    struct conf_rewrite *w = conf_rewrite_text(
        SLICE("port 1\nsentinel monitor b 1.1.1.1 1 2\nsentinel monitor a 2.2.2.2 1 2 # the a\n"
              "SENTINEL known-slave a 3.3.3.3 1\nsentinel known-replica a 4.4.4.4 1\n"));
    conf_rewrite_alias(w, "sentinel known-slave", "sentinel known-replica");
    conf_rewrite_line(w, SLICE("sentinel monitor a 9.9.9.9 1 2"), true);
    conf_rewrite_line(w, SLICE("sentinel monitor b 1.1.1.1 1 2"), true);
    conf_rewrite_line(w, SLICE("sentinel known-replica a 3.3.3.3 1"), true);
    conf_rewrite_line(w, SLICE("sentinel myid 12"), true);
    conf_rewrite_line(w, SLICE("sentinel announce-port 0"), false);
    conf_rewrite_key(w, "sentinel known-replica");
    conf_rewrite_print(w, &out);
    buf_putc(&out, 0);
    ck_assert_str_eq(buf_head(&out),
                     "port 1\nsentinel monitor b 1.1.1.1 1 2\nsentinel monitor a 9.9.9.9 1 2  "
                     "# the a\nSENTINEL known-slave a 3.3.3.3 1\n"
                     "\n# Generated by CONFIG REWRITE\nsentinel myid 12\n");
    conf_rewrite_free(w);
    buf_free(&out);
}
END_TEST

START_TEST(rewrite_refuses_what_is_no_file)
{
    struct errmsg m;
    struct conf_rewrite *w;
    ck_assert_int_eq(conf_rewrite_open(&w, "/dev/null", &m), ERR_NONE);
    conf_rewrite_line(w, SLICE("a b"), true);
    ck_assert_int_eq(conf_rewrite_save(w, "/dev/null", &m), ERR_REFUSED);
    ck_assert(!file_is_regular("/dev/null"));
    conf_rewrite_free(w);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(words_quotes_and_escapes),     UNIT(words_unbalanced),
    UNIT(words_trailing_comment),       UNIT(quoting_reads_back),
    UNIT(lines_keep_their_numbers),     UNIT(includes),
    UNIT(defaults_and_kinds),           UNIT(errors_are_in_redis_words),
    UNIT(get_by_patterns),              UNIT(set_one),
    UNIT(set_is_all_or_nothing),        UNIT(set_undoes_when_apply_fails),
    UNIT(rewrite_keeps_what_did_not_change), UNIT(rewrite_changes_in_place),
    UNIT(rewrite_round_trip),           UNIT(rewrite_lines_of_a_family),
    UNIT(rewrite_refuses_what_is_no_file),
};
UNIT_MAIN("conf", cases)
