#include "replication/feed.h"

#include "core/base/mem.h"
#include "core/base/must.h"

static struct feed_block *block_at(const struct feed *f, size_t i) { return f->blocks.at[i]; }
static size_t live(const struct feed *f) { return f->blocks.n - f->head; }
static size_t index_of(const struct feed *f, uint64_t number)
{
    must(number >= f->head_number && number - f->head_number < live(f));
    return f->head + (size_t)(number - f->head_number);
}

static uint32_t block_size(const struct feed *f)
{
    uint64_t size = f->backlog_bytes / 16;
    if (size < FEED_BLOCK_MIN) size = FEED_BLOCK_MIN;
    if (size > FEED_BLOCK_MAX) size = FEED_BLOCK_MAX;
    return (uint32_t)size;
}

static int64_t last_of(const struct feed_block *b) { return b->first + b->used - 1; }
static int64_t in_memory(const struct feed *f) { return f->held - f->away; }

void feed_init(struct feed *f, uint64_t backlog_bytes, int64_t end)
{
    *f = (struct feed){ .backlog_bytes = backlog_bytes, .end = end };
}

/* ---- blocks and their bytes ---- */

static void take_bytes(struct feed *f, struct feed_block *b)
{
    b->bytes = mem_alloc(b->cap);
    f->mem += mem_size(b->bytes);
}

static void free_bytes(struct feed *f, struct feed_block *b)
{
    f->mem -= mem_size(b->bytes);
    mem_free(b->bytes);
    b->bytes = NULL;
}

static bool send_away(struct feed *f, struct feed_block *b)
{
    struct slice all = slice_of(b->bytes, b->used);
    if (!b->stored && !f->store->put(f->store->arg, all, &b->place)) {
        f->store_fails = true;
        return false;
    }
    b->stored = true;
    free_bytes(f, b);
    f->away += b->used;
    return true;
}

static bool fetch(struct feed *f, struct feed_block *b)
{
    take_bytes(f, b);
    if (!f->store->get(f->store->arg, b->place, b->bytes, b->used)) {
        free_bytes(f, b);
        return false;
    }
    f->away -= b->used;
    return true;
}

/* It is behind the backlog, and there is too much of that, or it is too old. */
static bool should_go(const struct feed *f, const struct feed_block *b)
{
    if ((uint64_t)(f->end - last_of(b)) < f->backlog_bytes) return false;
    if ((uint64_t)in_memory(f) > f->backlog_bytes + f->limits.bytes) return true;
    return f->limits.age_ms > 0 && f->now_ms - b->last_ms > f->limits.age_ms;
}

/* The oldest go first. Where a cursor stands it stays, and goes when that moves on. */
static void spill(struct feed *f)
{
    if (!feed_bounded(f)) return;
    if (f->spill_next < f->head_number) f->spill_next = f->head_number;
    for (int i = 0; i < FEED_SPILL_MAX && f->spill_next + 1 < f->head_number + live(f); i++) {
        struct feed_block *b = block_at(f, index_of(f, f->spill_next));
        if (!should_go(f, b)) return;
        if (b->cursors == 0 && b->bytes && !send_away(f, b)) return;
        f->spill_next++;
    }
}

/* A cursor has left it: it goes, or goes to the store (again). */
static void settle(struct feed *f, uint64_t number)
{
    feed_trim(f);
    if (number < f->head_number) return;
    struct feed_block *b = block_at(f, index_of(f, number));
    bool again = number < f->spill_next && b->cursors == 0 && b->bytes;
    if (again && feed_bounded(f)) send_away(f, b);
}

static void drop_head(struct feed *f)
{
    struct feed_block *b = block_at(f, f->head);
    must(b->cursors == 0);
    if (b->stored) f->store->drop(f->store->arg, b->place, b->used);
    f->held -= b->used;
    if (b->bytes) free_bytes(f, b);
    else f->away -= b->used;
    f->mem -= mem_size(b);
    mem_free(b);
    f->head++;
    f->head_number++;
    /* Compacted when half of the array is dead, so that a byte's share of moves stays constant. */
    if (f->head * 2 < f->blocks.n) return;
    memmove(f->blocks.at, f->blocks.at + f->head, live(f) * sizeof(f->blocks.at[0]));
    f->blocks.n -= f->head;
    f->head = 0;
}

static void drop_all(struct feed *f)
{
    must(f->cursors == 0);
    while (live(f) > 0) drop_head(f);
}

void feed_free(struct feed *f)
{
    drop_all(f);
    vec_free(&f->blocks);
    f->open = false;
}

void feed_open(struct feed *f) { f->open = true; }

void feed_close(struct feed *f)
{
    drop_all(f);
    f->open = false;
}

void feed_rebase(struct feed *f, int64_t end)
{
    drop_all(f);
    f->end = end;
    f->lost = 0;
}

void feed_trim(struct feed *f)
{
    for (int i = 0; i < FEED_TRIM_MAX && live(f) > 1; i++) {
        struct feed_block *b = block_at(f, f->head);
        if (b->cursors > 0) return;
        bool lost = last_of(b) <= f->lost;
        if (!lost && (uint64_t)(f->held - b->used) < f->backlog_bytes) return;
        drop_head(f);
    }
}

void feed_set_store(struct feed *f, const struct feed_store *store, struct feed_limits limits)
{
    must(f->store == NULL || f->store == store);
    f->store = store;
    f->limits = limits;
    spill(f);
}

void feed_tick(struct feed *f, int64_t now_ms)
{
    f->now_ms = now_ms;
    f->store_fails = false;
    spill(f);
}

void feed_set_backlog(struct feed *f, uint64_t bytes)
{
    f->backlog_bytes = bytes;
    feed_trim(f);
}

static struct feed_block *new_block(struct feed *f)
{
    uint32_t cap = block_size(f);
    struct feed_block *b = mem_alloc(sizeof(*b));
    *b = (struct feed_block){ .first = f->end + 1, .cap = cap };
    f->mem += mem_size(b);
    take_bytes(f, b);
    vec_push(&f->blocks, b);
    return b;
}

void feed_append(struct feed *f, struct slice bytes)
{
    must(f->open);
    while (bytes.n > 0) {
        struct feed_block *b = live(f) > 0 ? vec_last(&f->blocks) : NULL;
        if (b == NULL || b->used == b->cap) {
            b = new_block(f);
            spill(f);
        }
        size_t n = b->cap - b->used;
        if (n > bytes.n) n = bytes.n;
        memcpy(b->bytes + b->used, bytes.p, n);
        b->used += (uint32_t)n;
        b->last_ms = f->now_ms;
        f->end += (int64_t)n;
        f->held += (int64_t)n;
        bytes.p += n;
        bytes.n -= n;
    }
    feed_trim(f);
}

struct feed_window feed_window(const struct feed *f)
{
    return (struct feed_window){ .open = f->open, .first = feed_first(f), .end = f->end };
}

size_t feed_mem(const struct feed *f) { return f->mem + f->blocks.cap * sizeof(f->blocks.at[0]); }

size_t feed_backlog_mem(const struct feed *f)
{
    size_t all = feed_mem(f);
    if ((uint64_t)in_memory(f) <= f->backlog_bytes) return all;
    size_t beyond = (size_t)((uint64_t)in_memory(f) - f->backlog_bytes);
    return beyond < all ? all - beyond : 0;
}

/* ---- cursors ---- */

/* Index of the block that holds byte `next`; the last one when next is the byte behind the end. */
static size_t find_block(const struct feed *f, int64_t next)
{
    size_t lo = f->head, hi = f->blocks.n;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (block_at(f, mid)->first <= next) lo = mid;
        else hi = mid;
    }
    return lo;
}

bool cursor_attach(struct feed_cursor *c, struct feed *f, int64_t next)
{
    must(c->feed == NULL);
    if (!f->open || next < feed_first(f) || next > f->end + 1) return false;
    if (live(f) == 0) new_block(f); /* so that a cursor always stands in a block */
    size_t i = find_block(f, next);
    *c = (struct feed_cursor){ .feed = f, .block = f->head_number + (i - f->head), .next = next };
    block_at(f, i)->cursors++;
    f->cursors++;
    return true;
}

void cursor_detach(struct feed_cursor *c)
{
    struct feed *f = c->feed;
    if (f == NULL) return;
    block_at(f, index_of(f, c->block))->cursors--;
    f->cursors--;
    c->feed = NULL;
    settle(f, c->block);
}

static struct feed_block *step(struct feed_cursor *c)
{
    struct feed *f = c->feed;
    uint64_t left = c->block++;
    block_at(f, index_of(f, left))->cursors--;
    block_at(f, index_of(f, c->block))->cursors++;
    settle(f, left);
    return block_at(f, index_of(f, c->block));
}

struct slice cursor_peek(struct feed_cursor *c)
{
    struct feed *f = c->feed;
    size_t i = index_of(f, c->block);
    struct feed_block *b = block_at(f, i);
    if (last_of(b) < c->next && i + 1 < f->blocks.n) b = step(c);
    if (cursor_lost(c)) return slice_of(NULL, 0);
    if (b->bytes == NULL && !fetch(f, b)) {
        f->lost = last_of(b);
        return slice_of(NULL, 0);
    }
    size_t at = (size_t)(c->next - b->first);
    return slice_of(b->bytes + at, b->used - at);
}

bool cursor_lost(const struct feed_cursor *c) { return c->next <= c->feed->lost; }

void cursor_advance(struct feed_cursor *c, size_t n)
{
    must((int64_t)n <= c->feed->end + 1 - c->next);
    c->next += (int64_t)n;
}

uint64_t cursor_lag(const struct feed_cursor *c) { return (uint64_t)(c->feed->end + 1 - c->next); }
