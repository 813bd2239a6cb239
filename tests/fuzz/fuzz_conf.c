/* Configuration text: the lexer, the tables of both personalities, and the rewriter. Whatever the
 * text, nothing crashes; what the lexer quotes it reads back; and a rewritten file that was without
 * errors loads again with the same values. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/conf/rewrite.h"
#include "core/front/config.h"
#include "server/config_rows.h"
#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Includes, logs and folders reach for the disk: lines that name such things are left out. */
static bool touches_disk(const struct conf_line *line)
{
    static const char *const names[] = { "dir", "logfile" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eqz(str_slice(line->word[0]), names[i])) return true;
    }
    return false;
}

static void collect(void *to, const char *name, struct slice value)
{
    buf_putz(to, name);
    buf_putc(to, '=');
    buf_puts(to, value);
    buf_putc(to, '\n');
}

struct node {
    struct server_config cfg;
    struct conf conf;
};

/* Loads the text; *values receives all values. False: a line was bad. */
static bool load(struct node *n, struct slice text, struct buf *values)
{
    struct conf_lines l;
    struct slice all = SLICE("*");
    conf_lines_init(&l);
    server_config_init(&n->cfg, &n->conf, NULL, NULL);
    conf_read_text(&l, "", text);
    conf_load(&n->conf, &l, touches_disk);
    bool good = l.error.n == 0;
    conf_get(&n->conf, &all, 1, collect, values);
    conf_lines_free(&l);
    return good;
}

static void check_quoting(struct slice text)
{
    struct buf quoted = { 0 };
    struct conf_words w;
    conf_quote(&quoted, text);
    must(conf_split(buf_slice(&quoted), &w, NULL));
    must(w.n == 1 && slice_eq(str_slice(w.at[0]), text));
    conf_words_free(&w);
    buf_free(&quoted);
}

static bool has_word(struct slice text, const char *word)
{
    return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    struct node *one = mem_alloc(sizeof(*one)), *two = mem_alloc(sizeof(*two));
    struct buf before = { 0 }, after = { 0 }, file = { 0 };
    /* "include" in any case would read files; a zero byte ends a value of the struct early. */
    bool plain = !memchr(data, 0, size) && !has_word(text, "\\x");
    for (size_t i = 0; size >= 7 && i + 7 <= size; i++) {
        if (slice_ieqz(slice_of(text.p + i, 7), "include")) goto out;
    }
    check_quoting(text);
    bool good = load(one, text, &before);
    struct conf_rewrite *w = conf_rewrite_text(text);
    conf_rewrite_rows(w, &one->conf);
    conf_rewrite_print(w, &file);
    conf_rewrite_free(w);
    bool again = load(two, buf_slice(&file), &after);
    if (good && plain) must(again && slice_eq(buf_slice(&before), buf_slice(&after)));
    conf_free(&one->conf);
    conf_free(&two->conf);
out:
    mem_free(one);
    mem_free(two);
    buf_free(&before);
    buf_free(&after);
    buf_free(&file);
    return 0;
}
