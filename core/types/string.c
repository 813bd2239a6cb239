#include "core/types/string.h"

#include "core/base/mem.h"
#include "core/base/must.h"

/* What the entry's encoding means; the names OBJECT ENCODING gives follow from it. */
enum {
    IN_WORD,     /* integer in the word: "int" */
    EMBEDDED,    /* bytes in the entry: "embstr" or, beyond 44 bytes, "raw" */
    EMBED_GROWN, /* bytes in the entry that were changed in place before: "raw" */
    BLOCK,       /* a block of its own: "raw" */
};

#define EMBSTR_MAX 44             /* Redis' threshold for the name */
#define GROW_MAX (1024 * 1024)    /* doubling stops here, then a megabyte at a time */

struct block {
    size_t n, cap;
    char bytes[];
};

static struct block *block_new(size_t cap)
{
    struct block *b = mem_alloc(sizeof(*b) + cap);
    b->n = 0;
    b->cap = cap;
    return b;
}

static struct block *block_of(const struct entry *e) { return entry_ptr(e); }

/* --- reading ------------------------------------------------------------------------------ */

struct slice string_get(const struct entry *e, char tmp[STRING_TMP])
{
    if (e->encoding == IN_WORD) return slice_of(tmp, num_from_i64(tmp, (int64_t)*entry_word(e)));
    if (e->encoding == BLOCK) return slice_of(block_of(e)->bytes, block_of(e)->n);
    return entry_embed(e);
}

size_t string_len(const struct entry *e)
{
    char tmp[STRING_TMP];
    return string_get(e, tmp).n;
}

bool string_int(const struct entry *e, int64_t *out)
{
    char tmp[STRING_TMP];
    if (e->encoding == IN_WORD) {
        *out = (int64_t)*entry_word(e);
        return true;
    }
    return num_to_i64(string_get(e, tmp), out);
}

struct slice string_range(const struct entry *e, int64_t start, int64_t end, char tmp[STRING_TMP])
{
    struct slice s = string_get(e, tmp);
    int64_t n = (int64_t)s.n;
    if (start < 0 && end < 0 && start > end) return slice_of("", 0);
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (end < 0) end = end + n < 0 ? 0 : end + n;
    if (end >= n) end = n - 1;
    if (start > end || n == 0) return slice_of("", 0);
    return slice_of(s.p + start, (size_t)(end - start + 1));
}

/* --- new ---------------------------------------------------------------------------------- */

/* How `s` is to be kept. A block is allocated with the bytes in it. */
static struct value_form form_for(struct slice s, enum string_form form)
{
    int64_t n;
    if (form == STRING_AUTO && s.n < NUM_I64_MAX && num_to_i64(s, &n))
        return (struct value_form){ IN_WORD, ENTRY_WORD, (uint64_t)n, { 0 } };
    if (s.n <= ENTRY_EMBED_MAX)
        return (struct value_form){ form == STRING_RAW ? EMBED_GROWN : EMBEDDED, 0, 0, s };
    struct block *b = block_new(s.n);
    memcpy(b->bytes, s.p, s.n);
    b->n = s.n;
    return (struct value_form){ BLOCK, ENTRY_WORD | ENTRY_OWNS, (uintptr_t)b, { 0 } };
}

static struct entry *entry_from(struct slice key, const struct value_form *f, int64_t deadline)
{
    return entry_new(&(struct entry_spec){ .key = key,
                                           .type = VALUE_STRING,
                                           .encoding = f->encoding,
                                           .flags = f->flags,
                                           .deadline = deadline,
                                           .word = f->word,
                                           .embed = f->embed });
}

struct entry *string_new(struct slice key, struct slice s, enum string_form form, int64_t deadline)
{
    struct value_form f = form_for(s, form);
    return entry_from(key, &f, deadline);
}

struct entry *string_new_int(struct slice key, int64_t n, int64_t deadline)
{
    struct value_form f = { IN_WORD, ENTRY_WORD, (uint64_t)n, { 0 } };
    return entry_from(key, &f, deadline);
}

/* --- changing ----------------------------------------------------------------------------- */

/* Gives the entry a new form and frees the block that it had. */
static void become(struct value *v, const struct value_form *f)
{
    struct block *old = v->e->encoding == BLOCK ? block_of(v->e) : NULL;
    value_become(v, f);
    mem_free(old);
}

void string_set(struct value *v, struct slice s, enum string_form form)
{
    must(value_is(v, VALUE_STRING));
    struct value_form f = form_for(s, form);
    become(v, &f);
}

void string_set_int(struct value *v, int64_t n)
{
    must(value_is(v, VALUE_STRING));
    become(v, &(struct value_form){ IN_WORD, ENTRY_WORD, (uint64_t)n, { 0 } });
}

static size_t cap_for(size_t n) { return n < GROW_MAX ? n * 2 : n + GROW_MAX; }

/* A block that holds the content and has room for n bytes in all. */
static struct block *make_room(struct value *v, size_t n)
{
    char tmp[STRING_TMP];
    if (v->e->encoding == BLOCK) {
        struct block *b = block_of(v->e);
        if (n <= b->cap) return b;
        b = mem_realloc(b, sizeof(*b) + cap_for(n));
        b->cap = cap_for(n);
        *entry_word(v->e) = (uintptr_t)b;
        return b;
    }
    struct slice s = string_get(v->e, tmp);
    struct block *b = block_new(n > s.n ? n : s.n); /* room to grow is for what grows again */
    if (s.n) memcpy(b->bytes, s.p, s.n);
    b->n = s.n;
    value_become(v, &(struct value_form){ BLOCK, ENTRY_WORD | ENTRY_OWNS, (uintptr_t)b, { 0 } });
    return b;
}

/* Makes the content at least n bytes long, lends all of it for changing. A short one stays in
 * the entry. */
char *string_bytes(struct value *v, size_t n, size_t *len)
{
    must(value_is(v, VALUE_STRING));
    size_t have = string_len(v->e), want = n > have ? n : have;
    *len = want;
    if (v->e->encoding != BLOCK && want <= ENTRY_EMBED_MAX) {
        char tmp[STRING_TMP], whole[ENTRY_EMBED_MAX];
        struct slice s = string_get(v->e, tmp);
        if (s.n) memcpy(whole, s.p, s.n);
        memset(whole + s.n, 0, want - s.n);
        value_become(v, &(struct value_form){ EMBED_GROWN, 0, 0, slice_of(whole, want) });
        return (char *)(uintptr_t)entry_embed(v->e).p;
    }
    struct block *b = make_room(v, want);
    if (want > b->n) memset(b->bytes + b->n, 0, want - b->n);
    b->n = want;
    return b->bytes;
}

size_t string_append(struct value *v, struct slice s)
{
    must(value_is(v, VALUE_STRING));
    size_t have = string_len(v->e), len;
    if (v->e->encoding == BLOCK) { /* without zero-filling first */
        struct block *b = make_room(v, have + s.n);
        if (s.n) memcpy(b->bytes + have, s.p, s.n);
        b->n = have + s.n;
        return b->n;
    }
    char *p = string_bytes(v, have + s.n, &len);
    if (s.n) memcpy(p + have, s.p, s.n);
    return len;
}

size_t string_setrange(struct value *v, size_t offset, struct slice s)
{
    size_t len;
    char *p = string_bytes(v, offset + s.n, &len);
    if (s.n) memcpy(p + offset, s.p, s.n);
    return len;
}

enum err string_incr(struct value *v, int64_t by, int64_t *out)
{
    int64_t n;
    must(value_is(v, VALUE_STRING));
    if (!string_int(v->e, &n)) return ERR_FORMAT;
    if (__builtin_add_overflow(n, by, &n)) return ERR_RANGE;
    string_set_int(v, n);
    *out = n;
    return ERR_NONE;
}

/* --- the row ------------------------------------------------------------------------------ */

static const char *encoding_name(const struct entry *e)
{
    if (e->encoding == IN_WORD) return "int";
    return e->encoding == EMBEDDED && e->embedded <= EMBSTR_MAX ? "embstr" : "raw";
}

static void free_block(uint8_t encoding, void *ptr)
{
    must(encoding == BLOCK);
    mem_free(ptr);
}

static void *copy_block(uint8_t encoding, const void *ptr)
{
    must(encoding == BLOCK);
    const struct block *from = ptr;
    struct block *b = block_new(from->n);
    memcpy(b->bytes, from->bytes, from->n);
    b->n = from->n;
    return b;
}

static size_t block_mem(uint8_t encoding, const void *ptr, size_t samples) { return mem_size(ptr); }
static size_t effort(uint8_t encoding, const void *ptr) { return 1; }

const struct type_ops string_ops = {
    .name = "string",
    .encoding_name = encoding_name,
    .free = free_block,
    .copy = copy_block,
    .mem = block_mem,
    .free_effort = effort,
};
