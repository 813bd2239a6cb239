#include "server/persist/aof_manifest.h"

#include <stdio.h>

#include "core/base/num.h"
#include "core/resp/read.h"

void aof_manifest_free(struct aof_manifest *m)
{
    for (size_t i = 0; i < m->at.n; i++)
        mem_free(m->at.at[i].name);
    vec_free(&m->at);
    *m = (struct aof_manifest){ 0 };
}

void aof_manifest_copy(struct aof_manifest *to, const struct aof_manifest *from)
{
    *to = (struct aof_manifest){ .base_seq = from->base_seq, .incr_seq = from->incr_seq };
    for (size_t i = 0; i < from->at.n; i++) {
        struct aof_file f = from->at.at[i];
        f.name = mem_strdup(f.name);
        vec_push(&to->at, f);
    }
}

/* ---- looking ---- */

const struct aof_file *aof_manifest_base(const struct aof_manifest *m)
{
    for (size_t i = 0; i < m->at.n; i++)
        if (m->at.at[i].kind == AOF_BASE) return &m->at.at[i];
    return NULL;
}

const struct aof_file *aof_manifest_last_incr(const struct aof_manifest *m)
{
    for (size_t i = m->at.n; i-- > 0;)
        if (m->at.at[i].kind == AOF_INCR) return &m->at.at[i];
    return NULL;
}

bool aof_manifest_empty(const struct aof_manifest *m)
{
    return !aof_manifest_base(m) && !aof_manifest_last_incr(m);
}

bool aof_manifest_has_history(const struct aof_manifest *m)
{
    for (size_t i = 0; i < m->at.n; i++)
        if (m->at.at[i].kind == AOF_HISTORY) return true;
    return false;
}

/* ---- changing ---- */

static int rank_of(enum aof_kind kind)
{
    return kind == AOF_BASE ? 0 : kind == AOF_HISTORY ? 1 : 2;
}

/* Behind those of its kind and of the kinds before. */
static const char *put(struct aof_manifest *m, struct aof_file f)
{
    size_t at = 0;
    while (at < m->at.n && rank_of(m->at.at[at].kind) <= rank_of(f.kind)) at++;
    vec_insert(&m->at, at, f);
    return f.name;
}

const char *aof_manifest_add_base(struct aof_manifest *m, const char *stem, bool rdb)
{
    struct str name =
        str_fmt("%s.%lld.base.%s", stem, (long long)++m->base_seq, rdb ? "rdb" : "aof");
    return put(m, (struct aof_file){ name.p, m->base_seq, AOF_BASE });
}

const char *aof_manifest_add_incr(struct aof_manifest *m, const char *stem)
{
    struct str name = str_fmt("%s.%lld.incr.aof", stem, (long long)++m->incr_seq);
    return put(m, (struct aof_file){ name.p, m->incr_seq, AOF_INCR });
}

void aof_manifest_add_named_base(struct aof_manifest *m, const char *name)
{
    m->base_seq++;
    put(m, (struct aof_file){ mem_strdup(name), m->base_seq, AOF_BASE });
}

static void retire(struct aof_manifest *m, size_t at)
{
    struct aof_file f = m->at.at[at];
    vec_remove(&m->at, at);
    f.kind = AOF_HISTORY;
    put(m, f);
}

void aof_manifest_retire_base(struct aof_manifest *m)
{
    for (size_t i = 0; i < m->at.n; i++) {
        if (m->at.at[i].kind != AOF_BASE) continue;
        retire(m, i);
        return;
    }
}

void aof_manifest_retire_incrs(struct aof_manifest *m, bool keep_last)
{
    size_t n = 0;
    for (size_t i = 0; i < m->at.n; i++)
        n += m->at.at[i].kind == AOF_INCR;
    for (size_t i = 0; i < m->at.n && n > (keep_last ? 1 : 0); i++) {
        if (m->at.at[i].kind != AOF_INCR) continue;
        retire(m, i);
        n--;
    }
}

void aof_manifest_forget_history(struct aof_manifest *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->at.n; i++) {
        if (m->at.at[i].kind == AOF_HISTORY)
            mem_free(m->at.at[i].name);
        else
            m->at.at[kept++] = m->at.at[i];
    }
    m->at.n = kept;
}

/* ---- text ---- */

/* Quotes around a name that has bytes which a plain word may not have. */
static void put_name(struct buf *out, const char *name)
{
    bool plain = true;
    for (const char *c = name; *c; c++)
        if (*c <= ' ' || *c == '"' || *c == '\'' || *c == '\\' || (unsigned char)*c >= 127)
            plain = false;
    if (plain) {
        buf_putz(out, name);
        return;
    }
    buf_putc(out, '"');
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        const char *named = memchr("\n\r\t\a\b", *c, 5);
        if (*c == '"' || *c == '\\') buf_fmt(out, "\\%c", *c);
        else if (named) buf_fmt(out, "\\%c", "nrtab"[named - "\n\r\t\a\b"]);
        else if (*c < ' ' || *c >= 127) buf_fmt(out, "\\x%02x", *c);
        else buf_putc(out, (char)*c);
    }
    buf_putc(out, '"');
}

void aof_manifest_print(const struct aof_manifest *m, struct buf *out)
{
    for (size_t i = 0; i < m->at.n; i++) {
        const struct aof_file *f = &m->at.at[i];
        buf_putz(out, "file ");
        put_name(out, f->name);
        buf_fmt(out, " seq %lld type %c\n", (long long)f->seq, (char)f->kind);
    }
}

static const char broken[] = "Invalid AOF manifest file format";

/* What the words of a line say; NULL: it is good, else the reason. */
static const char *read_words(struct aof_file *f, int n, const struct slice *word)
{
    if (n < 6 || n % 2) return broken;
    for (int i = 0; i < n; i += 2) {
        struct slice value = word[i + 1];
        if (slice_ieqz(word[i], "file")) {
            if (value.n == 0 || memchr(value.p, 0, value.n)) return broken;
            if (memchr(value.p, '/', value.n)) return "File can't be a path, just a filename";
            mem_free(f->name);
            f->name = str_new(value).p;
        } else if (slice_ieqz(word[i], "seq")) {
            if (!num_to_i64(value, &f->seq) || f->seq <= 0) return broken;
        } else if (slice_ieqz(word[i], "type")) {
            if (value.n != 1) return broken;
            f->kind = (enum aof_kind)(unsigned char)value.p[0];
        }
    }
    return f->name && f->seq && f->kind ? NULL : broken;
}

static const char *take(struct aof_manifest *m, struct aof_file *f)
{
    const struct aof_file *last = aof_manifest_last_incr(m);
    switch (f->kind) {
    case AOF_BASE:
        if (aof_manifest_base(m)) return "Found duplicate base file information";
        m->base_seq = f->seq;
        break;
    case AOF_INCR:
        if (last && f->seq <= last->seq) return "Found a non-monotonic sequence number";
        m->incr_seq = f->seq;
        break;
    case AOF_HISTORY: break;
    default: return "Unknown AOF file type";
    }
    put(m, *f);
    f->name = NULL;
    return NULL;
}

static const char *read_line(struct aof_manifest *m, struct slice line)
{
    if (line.n == 0) return broken;
    if (line.n >= AOF_LINE_MAX) return "The AOF manifest file contains too long line";
    if (line.p[0] == '#') return NULL;
    int n = 0;
    struct slice *word = resp_split_line(line, &n);
    if (!word) return broken;
    struct aof_file f = { 0 };
    const char *why = read_words(&f, n, word);
    if (!why) why = take(m, &f);
    mem_free(f.name);
    mem_free(word);
    return why;
}

enum err aof_manifest_parse(struct aof_manifest *m, struct slice text, struct errmsg *msg)
{
    size_t at = 0;
    for (int number = 1; at < text.n; number++) {
        ptrdiff_t end = slice_find(text, '\n', at);
        size_t stop = end < 0 ? text.n : (size_t)end;
        struct slice line = slice_trim(slice_of(text.p + at, stop - at));
        const char *why = end < 0 ? broken : read_line(m, line);
        if (why) {
            aof_manifest_free(m);
            return err_set(msg, ERR_FORMAT, "%s (line %d: '%.*s')", why, number,
                           (int)(line.n < 200 ? line.n : 200), line.p);
        }
        at = stop + 1;
    }
    if (m->at.n) return ERR_NONE;
    return err_set(msg, ERR_FORMAT, "Found an empty AOF manifest");
}
