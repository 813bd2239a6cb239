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
    return (uint32_t)(size - sizeof(struct feed_block));
}

void feed_init(struct feed *f, uint64_t backlog_bytes, int64_t end)
{
    *f = (struct feed){ .backlog_bytes = backlog_bytes, .end = end };
}

static void drop_head(struct feed *f)
{
    struct feed_block *b = block_at(f, f->head);
    must(b->cursors == 0);
    f->held -= b->used;
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
}

void feed_trim(struct feed *f)
{
    for (int i = 0; i < FEED_TRIM_MAX && live(f) > 1; i++) {
        struct feed_block *b = block_at(f, f->head);
        if (b->cursors > 0) return;
        if ((uint64_t)(f->held - b->used) < f->backlog_bytes) return;
        drop_head(f);
    }
}

void feed_set_backlog(struct feed *f, uint64_t bytes)
{
    f->backlog_bytes = bytes;
    feed_trim(f);
}

static struct feed_block *new_block(struct feed *f)
{
    uint32_t cap = block_size(f);
    struct feed_block *b = mem_alloc(sizeof(*b) + cap);
    *b = (struct feed_block){ .first = f->end + 1, .cap = cap };
    f->mem += mem_size(b);
    vec_push(&f->blocks, b);
    return b;
}

void feed_append(struct feed *f, struct slice bytes)
{
    must(f->open);
    while (bytes.n > 0) {
        struct feed_block *b = live(f) > 0 ? vec_last(&f->blocks) : NULL;
        if (b == NULL || b->used == b->cap) b = new_block(f);
        size_t n = b->cap - b->used;
        if (n > bytes.n) n = bytes.n;
        memcpy(b->bytes + b->used, bytes.p, n);
        b->used += (uint32_t)n;
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
    if ((uint64_t)f->held <= f->backlog_bytes) return all;
    size_t beyond = (size_t)((uint64_t)f->held - f->backlog_bytes);
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
    feed_trim(f);
}

struct slice cursor_peek(struct feed_cursor *c)
{
    struct feed *f = c->feed;
    size_t i = index_of(f, c->block);
    struct feed_block *b = block_at(f, i);
    size_t at = (size_t)(c->next - b->first);
    if (at == b->used && i + 1 < f->blocks.n) {
        b->cursors--;
        c->block++;
        b = block_at(f, i + 1);
        b->cursors++;
        at = 0;
        feed_trim(f); /* the block left behind may have waited for this cursor only */
    }
    return slice_of(b->bytes + at, b->used - at);
}

void cursor_advance(struct feed_cursor *c, size_t n)
{
    must((int64_t)n <= c->feed->end + 1 - c->next);
    c->next += (int64_t)n;
}

uint64_t cursor_lag(const struct feed_cursor *c) { return (uint64_t)(c->feed->end + 1 - c->next); }
