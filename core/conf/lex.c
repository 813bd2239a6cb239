#include "core/conf/lex.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/sys/file.h"
#include "core/sys/process.h"

void conf_lines_init(struct conf_lines *l)
{
    *l = (struct conf_lines){ .next_number = 1 };
}

static void line_free(struct conf_line *line)
{
    for (size_t i = 0; i < line->words; i++) str_free(&line->word[i]);
    mem_free(line->word);
    mem_free(line->file);
    mem_free(line->text);
}

void conf_lines_free(struct conf_lines *l)
{
    for (size_t i = 0; i < l->line.n; i++) line_free(&l->line.at[i]);
    for (size_t i = 0; i < l->error.n; i++) {
        mem_free(l->error.at[i].file);
        mem_free(l->error.at[i].text);
        mem_free(l->error.at[i].reason);
    }
    vec_free(&l->line);
    vec_free(&l->error);
    conf_lines_init(l);
}

static void error_put(struct conf_lines *l, const char *file, int number, struct slice text,
                      const char *reason)
{
    if (l->error.n >= CONF_LINES_MAX) return;
    vec_push(&l->error, (struct conf_error){ mem_strdup(file), number,
                                             mem_strndup(text.p ? text.p : "", text.n),
                                             mem_strdup(reason) });
}

void conf_error_add(struct conf_lines *l, const struct conf_line *at, const char *reason)
{
    if (at) error_put(l, at->file, at->number, slice_z(at->text), reason);
    else error_put(l, "", 0, SLICE(""), reason);
}

/* ---- words ---- */

static bool is_space(char c) { return isspace((unsigned char)c); }

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands at line[i] behind a backslash in double quotes; returns how many bytes it took. */
static size_t escape_take(struct slice line, size_t i, struct buf *out)
{
    static const char names[] = "nrtba", values[] = "\n\r\t\b\a";
    char c = line.p[i];
    if (c == 'x' && i + 2 < line.n) {
        int high = hex_digit(line.p[i + 1]), low = hex_digit(line.p[i + 2]);
        if (high >= 0 && low >= 0) {
            buf_putc(out, (char)(high * 16 + low));
            return 3;
        }
    }
    const char *known = c ? strchr(names, c) : NULL;
    buf_putc(out, known ? values[known - names] : c);
    return 1;
}

/* Takes a quoted part that begins behind its quote at i; returns the index behind the closing
 * quote, or 0 when there is none or when more follows it without a space. */
static size_t quoted_take(struct slice line, size_t i, char quote, struct buf *out)
{
    while (i < line.n) {
        char c = line.p[i];
        if (c == quote) {
            i++;
            return i == line.n || is_space(line.p[i]) ? i : 0;
        }
        if (c == '\\' && i + 1 < line.n && (quote == '"' || line.p[i + 1] == '\'')) {
            i += 1 + (quote == '"' ? escape_take(line, i + 1, out)
                                   : (buf_putc(out, '\''), (size_t)1));
            continue;
        }
        buf_putc(out, c);
        i++;
    }
    return 0;
}

static bool word_take(struct slice line, size_t *at, struct buf *out)
{
    size_t i = *at;
    while (i < line.n && !is_space(line.p[i])) {
        char c = line.p[i];
        if (c == '"' || c == '\'') {
            i = quoted_take(line, i + 1, c, out);
            if (!i) return false;
        } else {
            buf_putc(out, c);
            i++;
        }
    }
    *at = i;
    return true;
}

/* A # alone between white space, behind at least one argument: a password may be "#". */
static bool comment_starts(struct slice line, size_t i, size_t words)
{
    return words >= 2 && line.p[i] == '#' && (i + 1 == line.n || is_space(line.p[i + 1]));
}

bool conf_split(struct slice line, struct conf_words *out, struct slice *comment)
{
    VEC(struct str) words = { 0 };
    struct buf word = { 0 };
    bool ok = true;
    size_t i = 0;
    if (comment) *comment = slice_of(NULL, 0);
    while (ok) {
        while (i < line.n && is_space(line.p[i])) i++;
        if (i == line.n) break;
        if (comment && comment_starts(line, i, words.n)) {
            *comment = slice_of(line.p + i, line.n - i);
            break;
        }
        buf_clear(&word);
        ok = word_take(line, &i, &word);
        if (ok) vec_push(&words, str_new(buf_slice(&word)));
    }
    buf_free(&word);
    *out = (struct conf_words){ words.at, words.n };
    if (!ok) conf_words_free(out);
    return ok;
}

void conf_words_free(struct conf_words *w)
{
    for (size_t i = 0; i < w->n; i++) str_free(&w->at[i]);
    mem_free(w->at);
    *w = (struct conf_words){ 0 };
}

static bool is_plain(struct slice word)
{
    if (word.n == 0 || slice_eqz(word, "#")) return false;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (c == '"' || c == '\'' || c == '\\' || c <= ' ' || c > '~') return false;
    }
    return true;
}

void conf_quote_always(struct buf *out, struct slice word)
{
    static const char names[] = "nrtba", values[] = "\n\r\t\b\a";
    buf_putc(out, '"');
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        const char *known = c ? strchr(values, c) : NULL;
        if (known) buf_fmt(out, "\\%c", names[known - values]);
        else if (c == '"' || c == '\\') buf_fmt(out, "\\%c", c);
        else if (c < ' ' || c > '~') buf_fmt(out, "\\x%02x", (unsigned)(unsigned char)c);
        else buf_putc(out, c);
    }
    buf_putc(out, '"');
}

void conf_quote(struct buf *out, struct slice word)
{
    if (is_plain(word)) buf_puts(out, word);
    else conf_quote_always(out, word);
}

/* ---- lines ---- */

static void read_depth(struct conf_lines *l, const char *file, struct slice text, int depth);

static void line_put(struct conf_lines *l, const char *file, int number, struct slice text,
                     struct conf_words w, struct slice comment)
{
    struct conf_line line = { .file = mem_strdup(file), .number = number,
                              .text = mem_strndup(text.p, text.n), .word = w.at, .words = w.n };
    if (comment.n) line.comment = slice_of(line.text + (comment.p - text.p), comment.n);
    for (size_t i = 0; i < w.at[0].n; i++) {
        w.at[0].p[i] = (char)tolower((unsigned char)w.at[0].p[i]);
    }
    vec_push(&l->line, line);
}

static enum err file_depth(struct conf_lines *l, const char *path, int depth, struct errmsg *m)
{
    struct buf content = { 0 };
    struct errmsg why = { "" };
    enum err e = file_read(path, CONF_FILE_BYTES_MAX, &content, &why);
    if (e) e = err_set(m, e, "%s", why.text);
    else read_depth(l, path, buf_slice(&content), depth);
    buf_free(&content);
    return e;
}

/* The files of one include pattern, sorted by name as glob(3) gives them. */
static bool include_one(struct conf_lines *l, const char *pattern, int depth, struct errmsg *m)
{
    if (!strpbrk(pattern, "*?[")) {
        struct errmsg why = { "" };
        if (process_readable_check(pattern, &why)) {
            err_set(m, ERR_IO, "can't open config file '%s': %s", pattern, why.text);
            return false;
        }
        return file_depth(l, pattern, depth, m) == ERR_NONE;
    }
    glob_t found;
    bool ok = true;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; ok && i < found.gl_pathc; i++) {
            ok = file_depth(l, found.gl_pathv[i], depth, m) == ERR_NONE;
        }
    }
    globfree(&found);
    return ok;
}

static void include(struct conf_lines *l, const char *file, int number, struct slice text,
                    const struct conf_words *w, int depth)
{
    if (w->n != 2) {
        error_put(l, file, number, text, "Bad directive or wrong number of arguments");
        return;
    }
    if (depth >= CONF_INCLUDE_DEPTH_MAX) {
        error_put(l, file, number, text, "Too many nested includes: does a file include itself?");
        return;
    }
    int keep = l->next_number;
    struct errmsg m = { "" };
    if (!include_one(l, str_c(w->at[1]), depth + 1, &m)) error_put(l, file, number, text, m.text);
    l->next_number = keep;
}

static void line_read(struct conf_lines *l, const char *file, int number, struct slice text,
                      int depth)
{
    text = slice_trim(text);
    if (text.n == 0 || text.p[0] == '#') return;
    if (l->line.n >= CONF_LINES_MAX) {
        if (l->error.n == 0) error_put(l, file, number, text, "Too many lines");
        return;
    }
    struct conf_words w;
    struct slice comment;
    if (!conf_split(text, &w, &comment)) {
        error_put(l, file, number, text, "Unbalanced quotes in configuration line");
        return;
    }
    if (slice_ieqz(str_slice(w.at[0]), "include")) {
        include(l, file, number, text, &w, depth);
        conf_words_free(&w);
    } else {
        line_put(l, file, number, text, w, comment);
    }
}

static void read_depth(struct conf_lines *l, const char *file, struct slice text, int depth)
{
    if (depth > 0) l->next_number = 1;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) {
        text = slice_of(text.p + 3, text.n - 3); /* a byte order mark, as Windows editors leave */
    }
    size_t at = 0;
    while (at < text.n) {
        ptrdiff_t end = slice_find(text, '\n', at);
        size_t stop = end < 0 ? text.n : (size_t)end;
        line_read(l, file, l->next_number++, slice_of(text.p + at, stop - at), depth);
        at = stop + 1;
    }
}

void conf_read_text(struct conf_lines *l, const char *file, struct slice text)
{
    read_depth(l, file, text, 0);
}

enum err conf_read_file(struct conf_lines *l, const char *path, struct errmsg *m)
{
    return file_depth(l, path, 0, m);
}

void conf_read_words(struct conf_lines *l, const struct slice *word, size_t n)
{
    struct buf text = { 0 };
    struct conf_words w = { mem_alloc((n ? n : 1) * sizeof(struct str)), n };
    int number = l->next_number++;
    for (size_t i = 0; i < n; i++) {
        w.at[i] = str_new(word[i]);
        if (i) buf_putc(&text, ' ');
        if (i) conf_quote_always(&text, word[i]);
        else buf_puts(&text, word[i]);
    }
    if (n && slice_ieqz(word[0], "include")) {
        include(l, "", number, buf_slice(&text), &w, 0);
        conf_words_free(&w);
    } else if (n) {
        line_put(l, "", number, buf_slice(&text), w, slice_of(NULL, 0));
    } else {
        mem_free(w.at);
    }
    buf_free(&text);
}
