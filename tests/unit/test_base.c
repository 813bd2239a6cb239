#include "core/base/buf.h"
#include "core/base/crc.h"
#include "core/base/glob.h"
#include "core/base/num.h"
#include "core/base/rand.h"
#include "core/base/sha1.h"
#include "core/base/sha256.h"
#include "core/base/vec.h"
#include "tests/unit/check_main.h"

START_TEST(integers_are_strict)
{
    int64_t v;
    ck_assert(num_to_i64(SLICE("-9223372036854775808"), &v) && v == INT64_MIN);
    ck_assert(num_to_i64(SLICE("9223372036854775807"), &v) && v == INT64_MAX);
    ck_assert(!num_to_i64(SLICE("9223372036854775808"), &v));
    ck_assert(!num_to_i64(SLICE("01"), &v) && !num_to_i64(SLICE("-0"), &v));
    ck_assert(!num_to_i64(SLICE(" 1"), &v) && !num_to_i64(SLICE(""), &v));
    ck_assert(!num_to_i64(SLICE("+1"), &v) && !num_to_i64(SLICE("1a"), &v));
}
END_TEST

START_TEST(integers_print)
{
    int64_t all[] = { 0, 9, 10, 99, 100, 12345, -1, INT64_MIN, INT64_MAX };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char ours[32], theirs[32];
        size_t n = num_from_i64(ours, all[i]);
        snprintf(theirs, sizeof(theirs), "%lld", (long long)all[i]);
        ck_assert_uint_eq(n, strlen(theirs));
        ck_assert_int_eq(memcmp(ours, theirs, n), 0);
    }
}
END_TEST

START_TEST(doubles_round_trip)
{
    char text[NUM_DOUBLE_MAX];
    num_from_double(text, 0.1);
    ck_assert_str_eq(text, "0.1");
    num_from_double(text, 3.0);
    ck_assert_str_eq(text, "3");
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = rng_next(&r);
        double d, back;
        memcpy(&d, &bits, 8);
        if (d != d || d - d != 0 || (d < 1e-300 && d > -1e-300)) continue;
        size_t n = num_from_double(text, d);
        ck_assert(num_to_double(slice_of(text, n), &back) && back == d);
    }
}
END_TEST

START_TEST(memory_units)
{
    uint64_t v;
    ck_assert(num_to_bytes(SLICE("1Gb"), &v) && v == 1u << 30);
    ck_assert(num_to_bytes(SLICE("1k"), &v) && v == 1000);
    ck_assert(!num_to_bytes(SLICE("1gib"), &v) && !num_to_bytes(SLICE("-1"), &v));
}
END_TEST

START_TEST(crc_check_value) { ck_assert_uint_eq(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9cau); }
END_TEST

/* Lengths around the ends of a block: the padding takes one more there or not. */
START_TEST(sha1_of_texts)
{
    static const struct {
        const char *text, *begins;
    } rows[] = { { "", "\xda\x39\xa3\xee" },
                 { "abc", "\xa9\x99\x3e\x36" },
                 { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "\x84\x98\x3e\x44" },
                 { "The quick brown fox jumps over the lazy dog", "\x2f\xd4\xe1\xc6" } };
    unsigned char out[SHA1_BYTES];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sha1(slice_z(rows[i].text), out);
        ck_assert_mem_eq(out, rows[i].begins, 4);
    }
}
END_TEST

START_TEST(sha256_of_many_lengths)
{
    static const struct {
        size_t n;
        const char *hex;
    } rows[] = {
        {    0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        {    3, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0" },
        {   55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
        {   56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
        {   63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
        {   64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
        {   65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0" },
        {  119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb" },
        {  120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c" },
        { 1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3" },
    };
    char text[1000], hex[2 * SHA256_BYTES];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sha256_hex(slice_of(text, rows[i].n), hex);
        ck_assert_mem_eq(hex, rows[i].hex, sizeof(hex));
    }
}
END_TEST

START_TEST(globs)
{
    static const struct {
        const char *p, *t;
        bool hit;
    } rows[] = { { "*", "", false }, /* as in Redis: callers know a single star */
                 { "h?llo", "hello", true },
                 { "h[ae]llo", "hallo", true },
                 { "h[^e]llo", "hello", false },
                 { "a*b*c", "aXbYbZc", true },
                 { "a*b", "aXc", false },
                 { "\\*", "*", true },
                 { "\\*", "a", false },
                 { "[a-c]x", "bx", true },
                 { "[c-a]x", "bx", true },
                 { "**", "abc", true },
                 { "", "", true },
                 { "", "a", false },
                 { "[-+]sdown", "+sdown", true } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(glob_match(slice_z(rows[i].p), slice_z(rows[i].t), false) == rows[i].hit,
                      "%s against %s", rows[i].p, rows[i].t);
}
END_TEST

START_TEST(buffers_slide_and_shrink)
{
    struct buf b = { 0 };
    for (int i = 0; i < 1000; i++) {
        buf_fmt(&b, "%d,", i);
        if (i % 3 == 0) buf_consume(&b, 2);
    }
    ck_assert_int_eq(b.data[b.len - 1], ',');
    buf_consume(&b, buf_size(&b));
    ck_assert_uint_eq(b.pos, 0);
    buf_shrink(&b, 0);
    ck_assert_ptr_null(b.data);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(integers_are_strict), UNIT(integers_print),
    UNIT(doubles_round_trip),  UNIT(memory_units),
    UNIT(crc_check_value),     UNIT(sha256_of_many_lengths),
    UNIT(sha1_of_texts),       UNIT(globs),
    UNIT(buffers_slide_and_shrink),
};
UNIT_MAIN("base", cases)
