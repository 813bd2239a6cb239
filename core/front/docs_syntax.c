/* docs_syntax: the reader of a row's `.syntax`; the grammar stands in docs.h. Pure. */
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/front/docs.h"

struct reader {
    const char *p;
    int depth;
    int keys, keyspecs;
    bool bad;
};

static bool read_alternatives(struct reader *r, char close, struct syntax_arg *out);

static void skip_space(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\n') r->p++;
}

static void free_items(struct syntax_arg *a)
{
    for (int i = 0; i < a->n; i++) free_items(&a->item[i]);
    mem_free(a->item);
}

static void push(struct syntax_arg *to, struct syntax_arg item)
{
    to->item = mem_realloc(to->item, (size_t)(to->n + 1) * sizeof(*to->item));
    to->item[to->n++] = item;
}

static bool ends_word(const char *p)
{
    return *p == 0 || *p == '@' || strchr(" \n[]()|", *p) || strncmp(p, "...", 3) == 0;
}

static struct slice read_word(struct reader *r)
{
    const char *from = r->p;
    while (!ends_word(r->p)) r->p++;
    return slice_of(from, (size_t)(r->p - from));
}

/* name= in front of a token or a group; a token may itself be "=". */
static struct slice read_name(struct reader *r)
{
    const char *p = r->p;
    while (!ends_word(p) && *p != '=') p++;
    if (*p != '=' || p == r->p) return (struct slice){ NULL, 0 };
    struct slice name = slice_of(r->p, (size_t)(p - r->p));
    r->p = p + 1;
    return name;
}

static void set_name(struct syntax_arg *a, struct slice name)
{
    slice_cstr(name, a->name, sizeof(a->name));
}

static void lower_name(struct syntax_arg *a, struct slice token)
{
    set_name(a, token);
    for (char *z = a->name; *z; z++)
        if (*z >= 'A' && *z <= 'Z') *z = (char)(*z + 32);
}

static bool type_of(struct slice word, enum syntax_kind *kind)
{
    static const struct {
        const char *name;
        enum syntax_kind kind;
    } types[] = { { "key", SYNTAX_KEY },         { "string", SYNTAX_STRING },
                  { "integer", SYNTAX_INTEGER }, { "double", SYNTAX_DOUBLE },
                  { "pattern", SYNTAX_PATTERN }, { "unix-time", SYNTAX_UNIX_TIME } };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!slice_eqz(word, types[i].name)) continue;
        *kind = types[i].kind;
        return true;
    }
    return false;
}

static bool is_typed(struct slice word)
{
    return word.n > 1 && memchr(word.p, ':', word.n) != NULL;
}

static void typed_arg(struct reader *r, struct slice word, struct syntax_arg *out)
{
    size_t colon = word.n;
    while (word.p[colon - 1] != ':') colon--;
    set_name(out, slice_of(word.p, colon - 1));
    if (!type_of(slice_of(word.p + colon, word.n - colon), &out->kind)) r->bad = true;
    if (out->kind != SYNTAX_KEY) return;
    out->key_spec = r->keys < r->keyspecs ? r->keys : r->keyspecs - 1;
    r->keys++;
}

/* Does what follows a token belong to it? Words with a type and ( ) groups do. */
static bool token_has_value(const struct reader *r)
{
    struct reader look = *r;
    if (*look.p != ' ' && *look.p != '\n') return false;
    skip_space(&look);
    read_name(&look);
    return *look.p == '(' || is_typed(read_word(&look));
}

static void read_suffixes(struct reader *r, struct syntax_arg *a)
{
    for (;;) {
        if (strncmp(r->p, "...", 3) == 0) {
            r->p += 3;
            /* The brackets around a token repeat the token too. */
            if (a->optional && a->token.n) a->multiple_token = true;
            a->multiple = true;
        } else if (*r->p == '@') {
            r->p++;
            bool gone = *r->p == '!';
            r->p += gone;
            struct slice version = slice_of(r->p, strspn(r->p, "0123456789."));
            r->p += version.n;
            if (gone) a->deprecated = version;
            else a->since = version;
        } else {
            return;
        }
    }
}

static void join_name(struct syntax_arg *a)
{
    struct buf b = { 0 };
    for (int i = 0; i < a->n; i++) buf_fmt(&b, "%s%s", i ? "_" : "", a->item[i].name);
    set_name(a, buf_slice(&b));
    buf_free(&b);
}

static void read_group(struct reader *r, struct syntax_arg *out)
{
    bool optional = *r->p == '[';
    r->p++;
    if (++r->depth > SYNTAX_DEPTH_MAX || !read_alternatives(r, optional ? ']' : ')', out)) {
        r->bad = true;
        return;
    }
    r->depth--;
    r->p++;
    /* Brackets are no group of their own. */
    if (optional && out->n == 1 && out->kind == SYNTAX_BLOCK) {
        struct syntax_arg only = out->item[0];
        mem_free(out->item);
        *out = only;
    }
    if (optional) out->optional = true;
}

static void read_atom(struct reader *r, struct syntax_arg *out)
{
    struct slice name = read_name(r);
    if (*r->p == '[' || *r->p == '(') {
        read_group(r, out);
        if (!r->bad && out->n && !out->name[0]) join_name(out);
    } else {
        struct slice word = read_word(r);
        if (word.n == 0) {
            r->bad = true;
            return;
        }
        if (is_typed(word)) {
            typed_arg(r, word, out);
        } else if (token_has_value(r)) {
            skip_space(r);
            read_atom(r, out);
            out->token = word;
            if (name.n) set_name(out, name);
            return;
        } else {
            out->kind = SYNTAX_TOKEN;
            out->token = slice_eqz(word, "\"\"") ? slice_of(word.p, 0) : word;
            lower_name(out, word);
        }
    }
    if (name.n) set_name(out, name);
    read_suffixes(r, out);
}

/* Up to `close`: one sequence gives a block, several, separated by '|', a oneof. */
static bool read_alternatives(struct reader *r, char close, struct syntax_arg *out)
{
    struct syntax_arg seq = { .kind = SYNTAX_BLOCK };
    out->kind = SYNTAX_BLOCK;
    for (;;) {
        skip_space(r);
        bool end = *r->p == close;
        if (end || *r->p == '|') {
            if (end && out->n == 0) {
                *out = seq;
                return true;
            }
            out->kind = SYNTAX_ONEOF;
            if (seq.n == 1) {
                push(out, seq.item[0]);
                mem_free(seq.item);
            } else {
                join_name(&seq);
                push(out, seq);
            }
            seq = (struct syntax_arg){ .kind = SYNTAX_BLOCK };
            if (end) return true;
            r->p++;
            continue;
        }
        struct syntax_arg item = { .key_spec = -1 };
        if (*r->p) read_atom(r, &item);
        else r->bad = true;
        push(&seq, item);
        if (r->bad) {
            free_items(&seq);
            return false;
        }
    }
}

struct syntax_arg *syntax_read(const char *line, int keyspecs, const char **at)
{
    struct reader r = { .p = line, .keyspecs = keyspecs };
    struct syntax_arg *root = mem_zalloc(sizeof(*root));
    bool good = read_alternatives(&r, 0, root) && !r.bad;
    if (at) *at = r.p;
    if (good && root->kind == SYNTAX_ONEOF) { /* alternatives without parentheses: one argument */
        struct syntax_arg oneof = *root;
        join_name(&oneof);
        *root = (struct syntax_arg){ .kind = SYNTAX_BLOCK };
        push(root, oneof);
    }
    if (good) return root;
    syntax_free(root);
    return NULL;
}

void syntax_free(struct syntax_arg *root)
{
    if (!root) return;
    free_items(root);
    mem_free(root);
}

/* ---- usage ---- */

static void print_arg(const struct syntax_arg *a, struct buf *out);

static void print_items(const struct syntax_arg *a, struct buf *out)
{
    for (int i = 0; i < a->n; i++) {
        if (i) buf_putc(out, a->kind == SYNTAX_ONEOF ? '|' : ' ');
        print_arg(&a->item[i], out);
    }
}

static void print_once(const struct syntax_arg *a, bool with_token, struct buf *out)
{
    if (with_token && a->token.n) buf_puts(out, a->token);
    if (a->kind == SYNTAX_TOKEN) return;
    if (with_token && a->token.n) buf_putc(out, ' ');
    if (a->kind == SYNTAX_ONEOF || a->kind == SYNTAX_BLOCK) print_items(a, out);
    else buf_putz(out, a->name);
}

static void print_arg(const struct syntax_arg *a, struct buf *out)
{
    if (a->optional) buf_putc(out, '[');
    print_once(a, true, out);
    if (a->multiple) {
        buf_putz(out, " [");
        print_once(a, a->multiple_token, out);
        buf_putz(out, " ...]");
    }
    if (a->optional) buf_putc(out, ']');
}

void syntax_usage(const struct syntax_arg *root, struct buf *out) { print_items(root, out); }
