/* lex: configuration text into lines of words.
 *
 * Syntax: one directive a line, words separated by white space, "..." with backslash escapes
 * (\n \r \t \b \a \xHH, other characters for themselves) and '...' with \' only. An empty line and
 * a line that begins with # are skipped. A # that stands alone between white space, outside quotes
 * and not the first argument, begins a trailing comment; `#<hash>` and `>pass#word` are
 * plain words.
 * `include PATTERN...` is replaced by the lines of the files that match; a pattern with glob
 * characters may match nothing, a plain name must exist.
 *
 * A `struct conf_lines` owns its lines and its errors. Reading never stops at an error: each bad
 * line becomes an entry of `errors`, so that all can be shown at once; the caller that wants Redis'
 * behaviour looks at the first one.
 *
 * Limits: include depth CONF_INCLUDE_DEPTH_MAX, CONF_FILE_BYTES_MAX a file, CONF_LINES_MAX lines.
 * conf_split and conf_read_text are pure but for includes, which read files.
 * Tests: unit/conf, fuzz/conf. */
#ifndef CORE_CONF_LEX_H
#define CORE_CONF_LEX_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/vec.h"

#define CONF_INCLUDE_DEPTH_MAX 16            /* deeper is a file that includes itself */
#define CONF_FILE_BYTES_MAX (64u << 20)      /* a file with 10,000 users stays far below */
#define CONF_LINES_MAX 1000000

struct conf_line {
    char *file;        /* absolute or as given; "" for standard input and options */
    int number;        /* from 1; options count on behind the file, as Redis does */
    char *text;        /* the line as it stands, without white space around it */
    struct str *word;  /* at least one; word[0] lower-cased */
    size_t words;
    struct slice comment; /* the trailing comment with its #, lent from text; n == 0 if none */
};

/* Where and why a line is bad, in Redis' words. */
struct conf_error {
    char *file;
    int number;
    char *text;
    char *reason;
};

struct conf_lines {
    VEC(struct conf_line) line;
    VEC(struct conf_error) error;
    int next_number; /* number of the next line of the text that is being put together */
};

void conf_lines_init(struct conf_lines *l);
void conf_lines_free(struct conf_lines *l);
/* Adds the lines of `text`. `file` is copied; relative includes are taken from the current folder,
 * as Redis does. Numbers go on from the last text of the same depth. */
void conf_read_text(struct conf_lines *l, const char *file, struct slice text);
/* Adds the lines of a file; the error is about opening or reading it. */
enum err conf_read_file(struct conf_lines *l, const char *path, struct errmsg *m);
/* Adds one line from ready words (an option of the command line). */
void conf_read_words(struct conf_lines *l, const struct slice *word, size_t n);
/* `at` NULL: an error of no line. */
void conf_error_add(struct conf_lines *l, const struct conf_line *at, const char *reason);

/* Splits one line into words; gives them (conf_words_free). False: quotes do not balance.
 * `comment`, when not NULL, enables trailing comments and receives it. */
struct conf_words {
    struct str *at;
    size_t n;
};
bool conf_split(struct slice line, struct conf_words *out, struct slice *comment);
void conf_words_free(struct conf_words *w);
/* Appends `word` so that conf_split reads it back: plain when it can be, else in double quotes. */
struct buf;
void conf_quote(struct buf *out, struct slice word);
/* The same, always in quotes. */
void conf_quote_always(struct buf *out, struct slice word);

#endif
