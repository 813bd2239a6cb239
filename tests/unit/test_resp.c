#include <math.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/resp/read.h"
#include "core/resp/value.h"
#include "core/resp/write.h"
#include "tests/unit/check_main.h"

#define BULK_MAX (512u * 1024 * 1024)

/* ---- requests ---- */

/* Reads all requests of `bytes`, which come in pieces that end at the given offsets, each time from
 * a copy at another place, and writes down what was found. */
static void transcribe(struct slice bytes, const size_t *cuts, size_t n_cuts, struct buf *out)
{
    struct resp_request r;
    resp_request_init(&r, BULK_MAX);
    size_t done = 0;
    for (size_t i = 0; i <= n_cuts; i++) {
        size_t there = i < n_cuts ? cuts[i] : bytes.n;
        char *copy = mem_alloc(there - done); /* exact, so that a read too far is seen */
        if (there > done) memcpy(copy, bytes.p + done, there - done);
        size_t pos = 0;
        enum resp_got got;
        while ((got = resp_request_next(&r, copy + pos, there - done - pos)) == RESP_ONE) {
            buf_fmt(out, "%d%s", r.argc, r.canonical ? "c" : "");
            for (int a = 0; a < r.argc; a++) {
                buf_fmt(out, "[%zu:", r.argv[a].n);
                buf_puts(out, r.argv[a]);
                buf_putz(out, "]");
            }
            pos += r.size;
        }
        done += pos;
        mem_free(copy);
        if (got == RESP_BAD) {
            buf_fmt(out, "!%s", r.error);
            break;
        }
    }
    buf_fmt(out, " rest %zu", bytes.n - done);
    resp_request_free(&r);
}

static const char *const request_texts[] = {
    "*1\r\n$4\r\nPING\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    "*0\r\n*-1\r\n*1\r\n$0\r\n\r\n",
    "PING\r\nset a \"b c\\x41\\n\" 'd\\'e'\n\r\n  \nGET x\r\n",
    "*2\r\n$12\r\nhello world!\r\n$1000\r\nshort",
    "*3\r\n$1\r\na\r\n$1\r\nb\r\n:5\r\n",
    "*3x\r\n", "*-0\r\n", "*03\r\n", "*1048577\r\n", "*99999999999999999999\r\n",
    "*1\r\n$-1\r\n", "*1\r\n$abc\r\n", "*1\r\n$05\r\nhello\r\n", "*1\r\n$536870913\r\n",
    "*1\r\n$3\r\nabcXY*1\r\n$1\r\nz\r\n", "*1\rX$1\r\nz\r\n",
    "get \"unbalanced\r\n", "get \"a\"b\r\n", "\r\n\r\n",
    ("*12\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n"
    "$1\r\n8\r\n$1\r\n9\r\n$2\r\n10\r\n$2\r\n11\r\n$2\r\n12\r\nPING\r\n"),
};
#define N_REQUESTS (sizeof(request_texts) / sizeof(request_texts[0]))

START_TEST(requests_do_not_depend_on_the_cuts)
{
    for (size_t i = 0; i < N_REQUESTS; i++) {
        struct slice text = slice_z(request_texts[i]);
        struct buf whole = { 0 }, cut = { 0 };
        transcribe(text, NULL, 0, &whole);
        for (size_t at = 0; at <= text.n; at++) {
            for (size_t second = at; second <= text.n; second++) {
                size_t cuts[] = { at, second };
                buf_clear(&cut);
                transcribe(text, cuts, 2, &cut);
                ck_assert_msg(slice_eq(buf_slice(&whole), buf_slice(&cut)), "%zu at %zu,%zu: %.*s",
                              i, at, second, SLICE_ARG(buf_slice(&cut)));
            }
        }
        buf_free(&whole);
        buf_free(&cut);
    }
}
END_TEST

static void random_request(struct rng *rng, struct buf *b)
{
    struct slice argv[40];
    static const char filler[] = "abc\r\n$*0123456789 \"'\\x";
    int argc = (int)rng_below(rng, 8) ? 1 + (int)rng_below(rng, 5) : 1 + (int)rng_below(rng, 40);
    char *text = mem_alloc(300);
    for (int i = 0; i < 300; i++) text[i] = filler[rng_below(rng, sizeof(filler) - 1)];
    for (int i = 0; i < argc; i++) {
        size_t n = rng_below(rng, 4) ? rng_below(rng, 12) : rng_below(rng, 300);
        argv[i] = slice_of(text, n);
    }
    resp_command(b, argc, argv);
    mem_free(text);
}

START_TEST(random_pipelines_do_not_depend_on_the_cuts)
{
    struct rng rng;
    rng_seed(&rng, 42);
    for (int round = 0; round < 2000; round++) {
        struct buf bytes = { 0 }, whole = { 0 }, cut = { 0 };
        for (uint64_t n = rng_below(&rng, 6); n > 0; n--) random_request(&rng, &bytes);
        /* One byte may be wrong. */
        if (rng_below(&rng, 2) && buf_size(&bytes))
            bytes.data[rng_below(&rng, bytes.len)] = (char)rng_next(&rng);
        size_t cuts[8];
        for (size_t i = 0; i < 8; i++) cuts[i] = rng_below(&rng, buf_size(&bytes) + 1);
        for (size_t i = 1; i < 8; i++)
            for (size_t j = i; j > 0 && cuts[j - 1] > cuts[j]; j--) {
                size_t t = cuts[j];
                cuts[j] = cuts[j - 1];
                cuts[j - 1] = t;
            }
        transcribe(buf_slice(&bytes), NULL, 0, &whole);
        transcribe(buf_slice(&bytes), cuts, 8, &cut);
        ck_assert_msg(slice_eq(buf_slice(&whole), buf_slice(&cut)), "round %d", round);
        buf_free(&bytes);
        buf_free(&whole);
        buf_free(&cut);
    }
}
END_TEST

static const char *error_of(struct slice bytes, bool unauthenticated)
{
    static char text[64];
    struct resp_request r;
    resp_request_init(&r, BULK_MAX);
    r.unauthenticated = unauthenticated;
    enum resp_got got = resp_request_next(&r, bytes.p, bytes.n);
    const char *good = got == RESP_ONE ? "one" : "more";
    snprintf(text, sizeof(text), "%s", got == RESP_BAD ? r.error : good);
    resp_request_free(&r);
    return text;
}
#define ERROR_OF(lit) error_of(SLICE(lit), false)
#define STRANGER(lit) error_of(SLICE(lit), true)

START_TEST(protocol_errors_are_named)
{
    ck_assert_str_eq(ERROR_OF("*1048577\r\n"), "invalid multibulk length");
    ck_assert_str_eq(ERROR_OF("*1048576\r\n"), "more");
    ck_assert_str_eq(ERROR_OF("*x\r\n"), "invalid multibulk length");
    ck_assert_str_eq(ERROR_OF("*1\r\n$-2\r\n"), "invalid bulk length");
    ck_assert_str_eq(ERROR_OF("*1\r\n$\r\n"), "invalid bulk length");
    ck_assert_str_eq(ERROR_OF("*1\r\n$536870912\r\n"), "more");
    ck_assert_str_eq(ERROR_OF("*1\r\n$536870913\r\n"), "invalid bulk length");
    ck_assert_str_eq(ERROR_OF("*1\r\nPING\r\n"), "expected '$', got 'P'");
    ck_assert_str_eq(ERROR_OF("a 'b\r\n"), "unbalanced quotes in request");
    ck_assert_str_eq(STRANGER("*11\r\n"), "unauthenticated multibulk length");
    ck_assert_str_eq(STRANGER("*10\r\n"), "more");
    ck_assert_str_eq(STRANGER("*1\r\n$16385\r\n"), "unauthenticated bulk length");
    ck_assert_str_eq(STRANGER("*1\r\n$16384\r\n"), "more");
    ck_assert_str_eq(STRANGER("*1\r\n$4\r\nPING\r\n"), "one");
}
END_TEST

START_TEST(long_lines_are_refused)
{
    size_t n = RESP_INLINE_MAX + 1;
    char *line = mem_alloc(n + 16);
    memset(line, '1', n + 16);
    ck_assert_str_eq(error_of(slice_of(line, RESP_INLINE_MAX), false), "more");
    ck_assert_str_eq(error_of(slice_of(line, n), false), "too big inline request");
    line[0] = '*';
    ck_assert_str_eq(error_of(slice_of(line, n + 1), false), "too big mbulk count string");
    memcpy(line, "*1\r\n$", 5);
    ck_assert_str_eq(error_of(slice_of(line, n + 5), false), "too big bulk count string");
    mem_free(line);
}
END_TEST

START_TEST(missing_bytes_are_told)
{
    struct resp_request r;
    resp_request_init(&r, BULK_MAX);
    struct slice s = SLICE("*2\r\n$3\r\nSET\r\n$100000\r\nab");
    ck_assert_int_eq(resp_request_next(&r, s.p, s.n), RESP_MORE);
    ck_assert_uint_eq(resp_request_missing(&r), 100000);
    resp_request_reset(&r);
    ck_assert_int_eq(resp_request_next(&r, s.p, 13), RESP_MORE);
    ck_assert_uint_eq(resp_request_missing(&r), 0);
    resp_request_free(&r);
}
END_TEST

START_TEST(many_arguments)
{
    struct buf b = { 0 };
    resp_array(&b, 100000);
    for (int i = 0; i < 100000; i++) resp_bulk_int(&b, i);
    struct resp_request r;
    resp_request_init(&r, BULK_MAX);
    for (size_t n = 0; n < b.len; n += 4099)
        ck_assert_int_eq(resp_request_next(&r, b.data, n), RESP_MORE);
    ck_assert_int_eq(resp_request_next(&r, b.data, b.len), RESP_ONE);
    ck_assert_int_eq(r.argc, 100000);
    ck_assert(slice_eqz(r.argv[99999], "99999") && slice_eqz(r.argv[0], "0"));
    ck_assert_uint_eq(r.size, b.len);
    struct slice ping = SLICE("PING\r\n");
    ck_assert_int_eq(resp_request_next(&r, ping.p, ping.n), RESP_ONE);
    ck_assert_int_eq(r.argc, 1);
    resp_request_free(&r);
    buf_free(&b);
}
END_TEST

static void words_are(const char *line, int want, const char *const *words)
{
    int n = -1;
    struct slice *got = resp_split_line(slice_z(line), &n);
    if (want < 0) {
        ck_assert_msg(got == NULL, "%s", line);
        return;
    }
    ck_assert_msg(got && n == want, "%s: %d words", line, n);
    for (int i = 0; i < n; i++) ck_assert_msg(slice_eqz(got[i], words[i]), "%s: word %d", line, i);
    mem_free(got);
}

START_TEST(lines_split_into_words)
{
    words_are("", 0, NULL);
    words_are(" \t ", 0, NULL);
    words_are("a b  c", 3, (const char *[]){ "a", "b", "c" });
    words_are("\"\" '' x", 3, (const char *[]){ "", "", "x" });
    words_are("\"a\\x41\\t\\\"\\q\\xZ\"", 1, (const char *[]){ "aA\t\"qxZ" });
    words_are("'a\\'b\\n'", 1, (const char *[]){ "a'b\\n" });
    words_are("a\"b c\" d", 2, (const char *[]){ "ab c", "d" });
    words_are("\"a\"b", -1, NULL);
    words_are("'a", -1, NULL);
    words_are("\"a\\", -1, NULL);
}
END_TEST

/* ---- replies ---- */

static void describe(const struct resp_value *v, struct buf *out)
{
    buf_fmt(out, "%d(", (int)v->kind);
    buf_puts(out, v->text);
    if (v->kind == RESP_INT || v->kind == RESP_BOOL) buf_puti(out, v->number);
    size_t n = v->kind == RESP_MAP ? 2 * v->n : v->n;
    for (size_t i = 0; i < n; i++) describe(&v->item[i], out);
    buf_putz(out, ")");
}

static void transcribe_replies(struct slice bytes, const size_t *cuts, size_t n_cuts,
                               struct buf *out)
{
    struct resp_reply r;
    resp_reply_init(&r, 1 << 20);
    size_t done = 0;
    for (size_t i = 0; i <= n_cuts; i++) {
        size_t there = i < n_cuts ? cuts[i] : bytes.n;
        char *copy = mem_alloc(there - done);
        if (there > done) memcpy(copy, bytes.p + done, there - done);
        size_t pos = 0;
        enum resp_got got;
        while ((got = resp_reply_next(&r, copy + pos, there - done - pos)) == RESP_ONE) {
            describe(r.root, out);
            pos += r.size;
        }
        done += pos;
        mem_free(copy);
        if (got == RESP_BAD) {
            buf_fmt(out, "!%s", r.error);
            break;
        }
    }
    buf_fmt(out, " rest %zu", bytes.n - done);
    resp_reply_free(&r);
}

#define NESTED_8 "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
static const char *const reply_texts[] = {
    "+OK\r\n:-12\r\n$3\r\nabc\r\n$-1\r\n*-1\r\n_\r\n",
    "*3\r\n:1\r\n*2\r\n+a\r\n$2\r\nbc\r\n*0\r\n-ERR no\r\n",
    "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n#t\r\n>2\r\n+x\r\n,1.5\r\n~1\r\n(123456789012345678901\r\n",
    "=7\r\ntxt:abc\r\n!5\r\nERR x\r\n,inf\r\n,nan\r\n",
    "|1\r\n+ttl\r\n:3\r\n*2\r\n|1\r\n+k\r\n*1\r\n+v\r\n+one\r\n+two\r\n",
    NESTED_8 NESTED_8 ":1\r\n",
    NESTED_8 NESTED_8 "*1\r\n:1\r\n",
    "?\r\n", "+a\rb\r\n", "$3\r\nabcd\r\n", ":x\r\n", "*4194305\r\n", "$1048577\r\n",
    "=2\r\nab\r\n", "#x\r\n", "*-2\r\n", ",abc\r\n", "_x\r\n", "%-1\r\n",
};

START_TEST(replies_do_not_depend_on_the_cuts)
{
    for (size_t i = 0; i < sizeof(reply_texts) / sizeof(reply_texts[0]); i++) {
        struct slice text = slice_z(reply_texts[i]);
        struct buf whole = { 0 }, cut = { 0 };
        transcribe_replies(text, NULL, 0, &whole);
        for (size_t at = 0; at <= text.n; at++) {
            for (size_t second = at; second <= text.n; second++) {
                size_t cuts[] = { at, second };
                buf_clear(&cut);
                transcribe_replies(text, cuts, 2, &cut);
                ck_assert_msg(slice_eq(buf_slice(&whole), buf_slice(&cut)),
                              "%zu at %zu,%zu: %.*s | %.*s", i, at, second,
                              SLICE_ARG(buf_slice(&cut)), SLICE_ARG(buf_slice(&whole)));
            }
        }
        buf_free(&whole);
        buf_free(&cut);
    }
}
END_TEST

static const struct resp_value *read_one(struct resp_reply *r, const char *text)
{
    ck_assert_int_eq(resp_reply_next(r, text, strlen(text)), RESP_ONE);
    ck_assert_uint_eq(r->size, strlen(text));
    return r->root;
}

START_TEST(replies_are_trees)
{
    struct resp_reply r;
    resp_reply_init(&r, 1 << 20);
    const struct resp_value *v = read_one(&r, "%2\r\n$4\r\nname\r\n+x\r\n$2\r\nid\r\n:7\r\n");
    ck_assert(v->kind == RESP_MAP && v->n == 2);
    ck_assert_int_eq(resp_lookup(v, "id")->number, 7);
    ck_assert(slice_eqz(resp_lookup(v, "name")->text, "x") && !resp_lookup(v, "none"));
    ck_assert(slice_eqz(resp_text_at(v, 2), "id") && resp_text_at(v, 4).n == 0);
    v = read_one(&r, "*2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n");
    ck_assert(slice_eqz(resp_lookup(v, "ip")->text, "127.0.0.1"));
    v = read_one(&r, "=7\r\ntxt:abc\r\n");
    ck_assert(v->kind == RESP_VERBATIM && slice_eqz(v->text, "abc"));
    v = read_one(&r, "|1\r\n+a\r\n+b\r\n:5\r\n");
    ck_assert(v->kind == RESP_INT && v->number == 5);
    v = read_one(&r, ",-inf\r\n");
    ck_assert(isinf(v->real) && v->real < 0);
    resp_reply_free(&r);
}
END_TEST

/* ---- writing ---- */

#define WRITES(want, ...)                                                              \
    do {                                                                               \
        struct buf b = { 0 };                                                          \
        __VA_ARGS__;                                                                   \
        ck_assert_msg(slice_eqz(buf_slice(&b), want), "%.*s", SLICE_ARG(buf_slice(&b))); \
        buf_free(&b);                                                                  \
    } while (0)

START_TEST(writers_write_both_protocols)
{
    WRITES("+a  b\r\n", resp_status(&b, SLICE("a\r\nb")));
    WRITES("-ERR x\r\n", resp_error(&b, SLICE("ERR x")));
    WRITES(":-5\r\n:0\r\n:12345\r\n", resp_int(&b, -5); resp_int(&b, 0); resp_int(&b, 12345));
    WRITES(":-9223372036854775808\r\n", resp_int(&b, INT64_MIN));
    WRITES("$0\r\n\r\n$11\r\nhello world\r\n", resp_bulk(&b, SLICE(""));
           resp_bulk(&b, SLICE("hello world")));
    WRITES("$2\r\n-7\r\n", resp_bulk_int(&b, -7));
    WRITES("$-1\r\n_\r\n*-1\r\n_\r\n", resp_null(&b, 2); resp_null(&b, 3); resp_null_array(&b, 2);
           resp_null_array(&b, 3));
    WRITES("*4\r\n%2\r\n", resp_map(&b, 2, 2); resp_map(&b, 3, 2));
    WRITES("*2\r\n~2\r\n*3\r\n>3\r\n", resp_set(&b, 2, 2); resp_set(&b, 3, 2); resp_push(&b, 2, 3);
           resp_push(&b, 3, 3));
    WRITES("$3\r\n1.5\r\n,1.5\r\n,inf\r\n,nan\r\n", resp_double(&b, 2, 1.5);
           resp_double(&b, 3, 1.5); resp_double(&b, 3, INFINITY); resp_double(&b, 3, NAN));
    WRITES(":1\r\n#t\r\n#f\r\n", resp_bool(&b, 2, true); resp_bool(&b, 3, true);
           resp_bool(&b, 3, false));
    WRITES("$2\r\n12\r\n(12\r\n", resp_bignum(&b, 2, SLICE("12")); resp_bignum(&b, 3, SLICE("12")));
    WRITES("$2\r\nab\r\n=6\r\ntxt:ab\r\n", resp_verbatim(&b, 2, "txt", SLICE("ab"));
           resp_verbatim(&b, 3, "txt", SLICE("ab")));
    WRITES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
           struct slice argv[] = { SLICE("GET"), SLICE("k") };
           resp_command(&b, 2, argv));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(requests_do_not_depend_on_the_cuts),
    UNIT(random_pipelines_do_not_depend_on_the_cuts),
    UNIT(protocol_errors_are_named),
    UNIT(long_lines_are_refused),
    UNIT(missing_bytes_are_told),
    UNIT(many_arguments),
    UNIT(lines_split_into_words),
    UNIT(replies_do_not_depend_on_the_cuts),
    UNIT(replies_are_trees),
    UNIT(writers_write_both_protocols),
};
UNIT_MAIN("resp", cases)
