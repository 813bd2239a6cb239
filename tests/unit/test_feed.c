#include "core/base/mem.h"
#include "core/base/rand.h"
#include "replication/feed.h"
#include "tests/unit/check_main.h"

/* Byte number n of every test stream. */
static char byte_at(int64_t n) { return (char)(n * 31 + (n >> 8) * 7); }

static void append(struct feed *f, size_t n)
{
    char *p = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++) p[i] = byte_at(f->end + 1 + (int64_t)i);
    feed_append(f, slice_of(p, n));
    mem_free(p);
}

static void read_some(struct feed_cursor *c, size_t most)
{
    while (most > 0) {
        struct slice s = cursor_peek(c);
        if (s.n == 0) break;
        if (s.n > most) s.n = most;
        size_t wrong = 0;
        for (size_t i = 0; i < s.n; i++) wrong += s.p[i] != byte_at(c->next + (int64_t)i);
        ck_assert_uint_eq(wrong, 0);
        cursor_advance(c, s.n);
        most -= s.n;
    }
}

START_TEST(window_follows_backlog)
{
    struct feed f;
    feed_init(&f, 64 * 1024, 1000);
    ck_assert(!feed_window(&f).open);
    ck_assert_int_eq(feed_first(&f), 1001);
    feed_open(&f);
    append(&f, 10);
    struct feed_window w = feed_window(&f);
    ck_assert(w.open && w.first == 1001 && w.end == 1010);
    for (int i = 0; i < 1000; i++) append(&f, 1000);
    ck_assert_int_ge(feed_held(&f), 64 * 1024);
    ck_assert_int_le(feed_held(&f), 64 * 1024 + FEED_BLOCK_MIN);
    ck_assert_int_eq(feed_end(&f), 1001010);
    ck_assert_uint_le(feed_mem(&f), 64 * 1024 + 3 * FEED_BLOCK_MIN);
    feed_rebase(&f, 5);
    ck_assert_int_eq(feed_first(&f), 6);
    ck_assert_int_eq(feed_held(&f), 0);
    feed_free(&f);
    ck_assert_uint_eq(f.mem, 0);
}
END_TEST

START_TEST(cursor_bounds)
{
    struct feed f;
    struct feed_cursor c = { 0 };
    feed_init(&f, 16 * 1024, 0);
    ck_assert(!cursor_attach(&c, &f, 1)); /* closed */
    feed_open(&f);
    ck_assert(cursor_attach(&c, &f, 1)); /* one past the end of nothing */
    ck_assert_uint_eq(cursor_peek(&c).n, 0);
    append(&f, 100);
    ck_assert_uint_eq(cursor_lag(&c), 100);
    read_some(&c, 1000);
    ck_assert_uint_eq(cursor_lag(&c), 0);
    cursor_detach(&c);
    cursor_detach(&c);
    ck_assert(!cursor_attach(&c, &f, 0));
    ck_assert(!cursor_attach(&c, &f, 102));
    ck_assert(cursor_attach(&c, &f, 101));
    cursor_detach(&c);
    feed_free(&f);
}
END_TEST

/* Keeps copies; refuses, or forgets, when told to. */
struct shelf {
    char *copy[4096];
    int n, there;
    bool full, forgetful;
};
static bool shelf_put(void *arg, struct slice bytes, int64_t *place)
{
    struct shelf *s = arg;
    if (s->full || s->n == 4096) return false;
    s->copy[s->n] = mem_alloc(bytes.n);
    memcpy(s->copy[s->n], bytes.p, bytes.n);
    *place = s->n++;
    s->there++;
    return true;
}
static bool shelf_get(void *arg, int64_t place, char *bytes, size_t n)
{
    struct shelf *s = arg;
    if (s->forgetful) return false;
    memcpy(bytes, s->copy[place], n);
    return true;
}
static void shelf_drop(void *arg, int64_t place, size_t n)
{
    struct shelf *s = arg;
    ck_assert_uint_gt(n, 0);
    ck_assert_ptr_nonnull(s->copy[place]);
    mem_free(s->copy[place]);
    s->copy[place] = NULL;
    s->there--;
}

/* Many cursors come, read, lag and go: what they read is right, and nothing they need is freed. */
START_TEST(random_readers)
{
    struct rng r;
    rng_seed(&r, 42);
    for (int run = 0; run < 30; run++) {
        struct feed f;
        struct feed_cursor c[8] = { 0 };
        struct shelf shelf = { 0 };
        struct feed_store store = { &shelf, shelf_put, shelf_get, shelf_drop };
        feed_init(&f, 16 * 1024 + rng_below(&r, 1000000), (int64_t)rng_below(&r, 100000));
        if (run % 2) feed_set_store(&f, &store, (struct feed_limits){ rng_below(&r, 200000), 0 });
        feed_open(&f);
        for (int step = 0; step < 400; step++) {
            struct feed_cursor *x = &c[rng_below(&r, 8)];
            switch (rng_below(&r, 6)) {
            case 0:
            case 1:
                append(&f, rng_below(&r, 20) == 0 ? rng_below(&r, 300000) : rng_below(&r, 3000));
                break;
            case 2:
                if (x->feed) break;
                int64_t next = feed_first(&f) + (int64_t)rng_below(&r, (uint64_t)feed_held(&f) + 1);
                ck_assert(cursor_attach(x, &f, next));
                break;
            case 3:
            case 4:
                if (x->feed) read_some(x, rng_below(&r, 50000));
                break;
            case 5:
                if (rng_below(&r, 4) == 0) cursor_detach(x);
                break;
            }
            for (int i = 0; i < 8; i++)
                if (c[i].feed) ck_assert(c[i].next >= feed_first(&f) && c[i].next <= f.end + 1);
            feed_trim(&f);
        }
        for (int i = 0; i < 8; i++) {
            if (c[i].feed) read_some(&c[i], SIZE_MAX);
            if (c[i].feed) ck_assert_int_eq(c[i].next, f.end + 1);
            cursor_detach(&c[i]);
        }
        for (int i = 0; i < 100; i++) feed_trim(&f);
        if (f.held > (int64_t)f.backlog_bytes)
            ck_assert_int_le(f.held, (int64_t)f.backlog_bytes + FEED_BLOCK_MAX);
        feed_free(&f);
        ck_assert_uint_eq(f.mem, 0);
        ck_assert_int_eq(shelf.there, 0);
    }
}
END_TEST

START_TEST(a_slow_reader_enlarges_the_backlog)
{
    struct feed f;
    struct feed_cursor slow = { 0 };
    feed_init(&f, 16 * 1024, 0);
    feed_open(&f);
    ck_assert(cursor_attach(&slow, &f, 1));
    append(&f, 1 << 20);
    ck_assert_int_eq(feed_first(&f), 1);
    ck_assert_uint_le(feed_backlog_mem(&f), 64 * 1024);
    cursor_detach(&slow);
    for (int i = 0; i < 10; i++) feed_trim(&f);
    ck_assert_int_le(feed_held(&f), 32 * 1024);
    feed_set_backlog(&f, 1 << 20);
    append(&f, 1 << 19);
    ck_assert_int_ge(feed_held(&f), 1 << 19);
    feed_free(&f);
}
END_TEST

/* Nobody appends any more: what was kept for a reader alone goes as the reader goes on. */
START_TEST(a_reader_that_catches_up_frees_what_it_held)
{
    struct feed f;
    struct feed_cursor slow = { 0 };
    feed_init(&f, 16 * 1024, 0);
    feed_open(&f);
    ck_assert(cursor_attach(&slow, &f, 1));
    append(&f, 4 << 20);
    for (struct slice s; (s = cursor_peek(&slow)).n > 0;)
        cursor_advance(&slow, s.n);
    ck_assert_int_le(feed_held(&f), 48 * 1024);
    cursor_detach(&slow);
    feed_free(&f);
}
END_TEST

static const struct feed_limits small = { .bytes = 64 * 1024 };

static void feed_with(struct feed *f, struct feed_store *store, struct shelf *shelf,
                      struct feed_limits limits)
{
    *shelf = (struct shelf){ 0 };
    *store = (struct feed_store){ shelf, shelf_put, shelf_get, shelf_drop };
    feed_init(f, 32 * 1024, 0);
    feed_set_store(f, store, limits);
    feed_open(f);
}

START_TEST(memory_is_bounded_by_the_store)
{
    struct feed f;
    struct feed_store store;
    struct shelf shelf;
    struct feed_cursor slow = { 0 }, quick = { 0 };
    feed_with(&f, &store, &shelf, small);
    ck_assert(cursor_attach(&slow, &f, 1));
    ck_assert(cursor_attach(&quick, &f, 1));
    for (int i = 0; i < 3000; i++) {
        append(&f, 1000);
        read_some(&quick, SIZE_MAX);
        ck_assert_uint_le(feed_mem(&f), 200 * 1024);
    }
    ck_assert_int_eq(feed_first(&f), 1);
    ck_assert_int_gt(feed_away(&f), 2000000);
    ck_assert_int_gt(shelf.there, 0);
    while (cursor_lag(&slow) > 0) {
        read_some(&slow, 7777);
        ck_assert_uint_le(feed_mem(&f), 200 * 1024);
    }
    ck_assert_int_eq(feed_away(&f), 0);
    ck_assert_int_eq(shelf.there, 0);
    cursor_detach(&slow);
    cursor_detach(&quick);
    feed_free(&f);
    ck_assert_uint_eq(f.mem, 0);
}
END_TEST

/* Two slow readers: a block that one has fetched goes away again, without another copy. */
START_TEST(what_was_fetched_goes_again)
{
    struct feed f;
    struct feed_store store;
    struct shelf shelf;
    struct feed_cursor a = { 0 }, b = { 0 };
    feed_with(&f, &store, &shelf, small);
    ck_assert(cursor_attach(&a, &f, 1));
    ck_assert(cursor_attach(&b, &f, 1));
    append(&f, 2 << 20);
    read_some(&a, SIZE_MAX);
    ck_assert_uint_le(feed_mem(&f), 200 * 1024);
    int copies = shelf.n;
    read_some(&b, SIZE_MAX);
    ck_assert_int_le(shelf.n, copies + 1); /* the one they both stood in */
    cursor_detach(&a);
    cursor_detach(&b);
    feed_free(&f);
    ck_assert_int_eq(shelf.there, 0);
}
END_TEST

START_TEST(age_sends_away)
{
    struct feed f;
    struct feed_store store;
    struct shelf shelf;
    struct feed_cursor slow = { 0 };
    feed_with(&f, &store, &shelf, (struct feed_limits){ .bytes = 1 << 30, .age_ms = 5000 });
    ck_assert(cursor_attach(&slow, &f, 1));
    feed_tick(&f, 1000);
    append(&f, 1 << 20);
    feed_tick(&f, 6000);
    ck_assert_int_eq(feed_away(&f), 0);
    feed_tick(&f, 6001);
    ck_assert_int_gt(feed_away(&f), 900 * 1024);
    ck_assert_int_ge(feed_held(&f) - feed_away(&f), 32 * 1024); /* the backlog stays */
    read_some(&slow, SIZE_MAX);
    ck_assert_uint_eq(cursor_lag(&slow), 0);
    cursor_detach(&slow);
    feed_free(&f);
}
END_TEST

START_TEST(a_full_store_costs_memory_not_bytes)
{
    struct feed f;
    struct feed_store store;
    struct shelf shelf;
    struct feed_cursor slow = { 0 };
    feed_with(&f, &store, &shelf, small);
    ck_assert(cursor_attach(&slow, &f, 1));
    ck_assert(feed_bounded(&f));
    append(&f, 300 * 1024);
    shelf.full = true;
    append(&f, 1 << 20);
    ck_assert(!feed_bounded(&f));
    ck_assert_uint_ge(feed_mem(&f), 1 << 20);
    shelf.full = false;
    feed_tick(&f, 1000);
    ck_assert(feed_bounded(&f));
    for (int i = 0; i < 3; i++) feed_tick(&f, 2000);
    ck_assert_uint_le(feed_mem(&f), 200 * 1024);
    read_some(&slow, SIZE_MAX);
    ck_assert_uint_eq(cursor_lag(&slow), 0);
    cursor_detach(&slow);
    feed_free(&f);
}
END_TEST

/* What can not be read back is gone for all that need it, and for who asks later. */
START_TEST(lost_bytes_are_said_to_be_lost)
{
    struct feed f;
    struct feed_store store;
    struct shelf shelf;
    struct feed_cursor slow = { 0 }, quick = { 0 };
    feed_with(&f, &store, &shelf, small);
    ck_assert(cursor_attach(&slow, &f, 1));
    append(&f, 1 << 20);
    ck_assert(cursor_attach(&quick, &f, f.end + 1));
    read_some(&slow, 100);
    shelf.forgetful = true;
    read_some(&slow, SIZE_MAX);
    ck_assert(cursor_lost(&slow));
    ck_assert_uint_eq(cursor_peek(&slow).n, 0);
    ck_assert(!cursor_lost(&quick));
    ck_assert_int_gt(feed_first(&f), slow.next);
    struct feed_cursor late = { 0 };
    ck_assert(!cursor_attach(&late, &f, slow.next));
    cursor_detach(&slow);
    shelf.forgetful = false;
    append(&f, 100);
    read_some(&quick, SIZE_MAX);
    ck_assert_uint_eq(cursor_lag(&quick), 0);
    cursor_detach(&quick);
    feed_free(&f);
    ck_assert_int_eq(shelf.there, 0);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(window_follows_backlog),
    UNIT(cursor_bounds),
    UNIT(random_readers),
    UNIT(a_slow_reader_enlarges_the_backlog),
    UNIT(a_reader_that_catches_up_frees_what_it_held),
    UNIT(memory_is_bounded_by_the_store),
    UNIT(what_was_fetched_goes_again),
    UNIT(age_sends_away),
    UNIT(a_full_store_costs_memory_not_bytes),
    UNIT(lost_bytes_are_said_to_be_lost),
};
UNIT_MAIN("feed", cases)
