#include "tests/scenes/transcript.h"

#include <stdio.h>

static bool read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "r");
    if (!f) return false;
    size_t n;
    do {
        n = fread(buf_room(out, 4096), 1, 4096, f);
        buf_added(out, n);
    } while (n);
    fclose(f);
    return true;
}

static bool write_file(const char *path, struct slice text)
{
    FILE *f = fopen(path, "w");
    if (!f) return false;
    bool written = fwrite(text.p, 1, text.n, f) == text.n;
    return fclose(f) == 0 && written;
}

static void play(struct slice text, struct buf *out, transcript_line *fn, void *app)
{
    size_t from = 0;
    while (from < text.n) {
        ptrdiff_t nl = slice_find(text, '\n', from);
        size_t end = nl < 0 ? text.n : (size_t)nl;
        struct slice line = slice_of(text.p + from, end - from);
        char copy[TRANSCRIPT_LINE];
        from = end + 1;
        if (slice_starts(line, "  ")) continue; /* what came out last time */
        buf_puts(out, line);
        buf_putc(out, '\n');
        if (line.n && line.p[0] != '#') fn(app, slice_cstr(line, copy, sizeof(copy)));
    }
}

static struct slice line_at(struct slice text, size_t at)
{
    ptrdiff_t nl = slice_find(text, '\n', at);
    size_t end = nl < 0 ? text.n : (size_t)nl;
    return slice_of(text.p + at, end > at ? end - at : 0);
}

/* The first line that differs, for people. */
static void explain(struct slice want, struct slice got)
{
    size_t line = 1, at = 0;
    for (size_t i = 0; i < want.n && i < got.n && want.p[i] == got.p[i]; i++)
        if (want.p[i] == '\n') {
            line++;
            at = i + 1;
        }
    struct slice w = line_at(want, at), g = line_at(got, at);
    fprintf(stderr, "line %zu\n  expected: %.*s\n  got:      %.*s\n", line, SLICE_ARG(w),
            SLICE_ARG(g));
}

int transcript_main(int argc, char **argv, struct buf *out, transcript_line *fn, void *app)
{
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;
    const char *path = argv[argc - 1];
    struct buf text = { 0 };
    if (argc < 2 || !read_file(path, &text)) {
        fprintf(stderr, "usage: %s [--write] FILE\n", argv[0]);
        return 2;
    }
    play(buf_slice(&text), out, fn, app);
    bool same = slice_eq(buf_slice(&text), buf_slice(out)), good = same;
    if (write && !same) good = write_file(path, buf_slice(out));
    if (!write && !same) {
        fprintf(stderr, "%s: ", path);
        explain(buf_slice(&text), buf_slice(out));
    }
    buf_free(&text);
    return good ? 0 : 1;
}
