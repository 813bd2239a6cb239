#include "core/conf/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/base/glob.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/conf/value.h"

void conf_init(struct conf *c) { *c = (struct conf){ 0 }; }

void conf_add(struct conf *c, const struct conf_row *row, size_t rows, void *base, void *owner)
{
    must(c->parts < CONF_PARTS_MAX);
    c->part[c->parts++] = (struct conf_part){ row, rows, base, owner };
    for (size_t i = 0; i < rows; i++) value_init(&row[i], (char *)base + row[i].offset);
}

void conf_free(struct conf *c)
{
    for (size_t p = 0; p < c->parts; p++) {
        const struct conf_part *part = &c->part[p];
        for (size_t i = 0; i < part->rows; i++) {
            value_free(&part->row[i], (char *)part->base + part->row[i].offset);
        }
    }
    vec_free(&c->without_effect);
    conf_init(c);
}

static const struct conf_row *row_find(const struct conf *c, struct slice name,
                                       const struct conf_part **part)
{
    for (size_t p = 0; p < c->parts; p++) {
        for (size_t i = 0; i < c->part[p].rows; i++) {
            const struct conf_row *row = &c->part[p].row[i];
            if (slice_ieqz(name, row->name) || (row->alias && slice_ieqz(name, row->alias))) {
                *part = &c->part[p];
                return row;
            }
        }
    }
    return NULL;
}

const struct conf_row *conf_find(const struct conf *c, struct slice name, void **field)
{
    const struct conf_part *part;
    const struct conf_row *row = row_find(c, name, &part);
    if (row && field) *field = (char *)part->base + row->offset;
    return row;
}

/* ---- reading one new value ---- */

/* Reads into `fresh`, which begins as a copy of what is there; on an error it is freed. */
static enum err value_read(const struct conf_row *row, void *fresh, const void *now,
                           const struct slice *word, size_t n, bool live, struct errmsg *m)
{
    value_copy(row, fresh, now);
    enum err e = conf_parse(row, fresh, word, n, live, m);
    if (!e && row->status == CONF_REFUSED && !conf_is_default(row, fresh)) {
        e = err_set(m, ERR_REFUSED, "%s", row->note);
    }
    if (e) value_free(row, fresh);
    return e;
}

static void note_effect(struct conf *c, const struct conf_row *row)
{
    if (row->status != CONF_NO_EFFECT) return;
    for (size_t i = 0; i < c->without_effect.n; i++) {
        if (c->without_effect.at[i] == row) return;
    }
    vec_push(&c->without_effect, row);
}

enum err conf_load_line(struct conf *c, const struct conf_line *line, struct errmsg *m)
{
    const struct conf_part *part;
    const struct conf_row *row = row_find(c, str_slice(line->word[0]), &part);
    if (!row) return err_set(m, ERR_NOTFOUND, "Bad directive or wrong number of arguments");
    size_t n = line->words - 1;
    struct slice *word = mem_alloc((n + 1) * sizeof(*word));
    for (size_t i = 0; i < n; i++) word[i] = str_slice(line->word[i + 1]);

    void *field = (char *)part->base + row->offset;
    void *fresh = mem_zalloc(value_size(row));
    enum err e = value_read(row, fresh, field, word, n, false, m);
    if (!e) {
        value_free(row, field);
        memcpy(field, fresh, value_size(row));
        note_effect(c, row);
    }
    mem_free(fresh);
    mem_free(word);
    return e;
}

void conf_load(struct conf *c, struct conf_lines *l, bool (*skip)(const struct conf_line *))
{
    for (size_t i = 0; i < l->line.n; i++) {
        const struct conf_line *line = &l->line.at[i];
        struct errmsg m = { "" };
        if (skip && skip(line)) continue;
        if (conf_load_line(c, line, &m)) conf_error_add(l, line, m.text);
    }
}

/* ---- CONFIG GET ---- */

struct match {
    const char *name;
    const struct conf_row *row;
    const void *field;
};

static int match_cmp(const void *a, const void *b)
{
    return strcmp(((const struct match *)a)->name, ((const struct match *)b)->name);
}

static bool any_matches(const struct slice *pattern, size_t n, const char *name, bool hidden)
{
    for (size_t i = 0; i < n; i++) {
        if (hidden ? slice_ieqz(pattern[i], name) : glob_match(pattern[i], slice_z(name), true)) {
            return true;
        }
    }
    return false;
}

void conf_get(const struct conf *c, const struct slice *pattern, size_t n, conf_get_fn *fn,
              void *to)
{
    VEC(struct match) found = { 0 };
    for (size_t p = 0; p < c->parts; p++) {
        const struct conf_part *part = &c->part[p];
        for (size_t i = 0; i < part->rows; i++) {
            const struct conf_row *row = &part->row[i];
            const void *field = (char *)part->base + row->offset;
            bool hidden = row->flags & CONF_HIDDEN;
            if (row->flags & CONF_FILE_ONLY) continue;
            if (any_matches(pattern, n, row->name, hidden)) {
                vec_push(&found, (struct match){ row->name, row, field });
            }
            if (row->alias && any_matches(pattern, n, row->alias, hidden)) {
                vec_push(&found, (struct match){ row->alias, row, field });
            }
        }
    }
    if (found.n) qsort(found.at, found.n, sizeof(found.at[0]), match_cmp);
    struct buf value = { 0 };
    for (size_t i = 0; i < found.n; i++) {
        buf_clear(&value);
        conf_print(found.at[i].row, found.at[i].field, &value);
        fn(to, found.at[i].name, buf_slice(&value));
    }
    buf_free(&value);
    vec_free(&found);
}

/* ---- CONFIG SET ---- */

struct change {
    const struct conf_row *row;
    const struct conf_part *part;
    void *fresh; /* before the swap the new value, behind it the old one */
};

static void *change_field(const struct change *ch)
{
    return (char *)ch->part->base + ch->row->offset;
}

/* The reply of a CONFIG SET that failed at one of its pairs. */
static enum err set_error(enum err e, struct slice name, const struct errmsg *why,
                          struct errmsg *m)
{
    return err_set(m, e, "CONFIG SET failed (possibly related to argument '%.*s') - %s",
                   SLICE_ARG(name), why->text);
}

static enum err change_allowed(const struct change *all, size_t n, const struct conf_row *row,
                               unsigned how, struct errmsg *m)
{
    if (row->flags & CONF_START) return err_set(m, ERR_REFUSED, "can't set immutable config");
    if ((row->flags & CONF_PROTECTED) && !(how & CONF_SET_PROTECTED)) {
        return err_set(m, ERR_REFUSED, "can't set protected config");
    }
    for (size_t i = 0; i < n; i++) {
        if (all[i].row == row) return err_set(m, ERR_EXISTS, "duplicate parameter");
    }
    return ERR_NONE;
}

static void swap_all(struct change *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *a = change_field(&all[i]), *b = all[i].fresh;
        for (size_t k = 0; k < value_size(all[i].row); k++) {
            char byte = a[k];
            a[k] = b[k];
            b[k] = byte;
        }
    }
}

static bool already_ran(const struct change *all, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (all[k].row->apply == all[i].row->apply && all[k].part == all[i].part) return true;
    }
    return false;
}

/* Runs each distinct function of the first n once; *failed is the index whose function failed. */
static enum err apply_all(const struct change *all, size_t n, size_t *failed, struct errmsg *m)
{
    for (size_t i = 0; i < n; i++) {
        if (!all[i].row->apply || !all[i].part->owner || already_ran(all, i)) continue;
        enum err e = all[i].row->apply(all[i].part->owner, m);
        if (e) {
            *failed = i;
            return e;
        }
    }
    return ERR_NONE;
}

static enum err collect(struct conf *c, const struct conf_pair *pair, size_t n, unsigned how,
                        struct change *all, size_t *done, struct errmsg *m)
{
    for (size_t i = 0; i < n; i++) {
        struct change *ch = &all[i];
        ch->row = row_find(c, pair[i].name, &ch->part);
        if (!ch->row || (ch->row->flags & CONF_FILE_ONLY)) {
            return err_set(m, ERR_NOTFOUND,
                           "Unknown option or number of arguments for CONFIG SET - '%.*s'",
                           SLICE_ARG(pair[i].name));
        }
        struct errmsg why = { "" };
        enum err e = change_allowed(all, i, ch->row, how, &why);
        if (!e) {
            ch->fresh = mem_zalloc(value_size(ch->row));
            e = value_read(ch->row, ch->fresh, change_field(ch), &pair[i].value, 1, true, &why);
            if (e) mem_free(ch->fresh);
        }
        if (e) return set_error(e, pair[i].name, &why, m);
        *done = i + 1;
    }
    return ERR_NONE;
}

enum err conf_set(struct conf *c, const struct conf_pair *pair, size_t n, unsigned how,
                  struct errmsg *m)
{
    struct change *all = mem_zalloc((n + 1) * sizeof(*all));
    size_t done = 0, failed = 0;
    enum err e = collect(c, pair, n, how, all, &done, m);
    if (!e) {
        swap_all(all, n);
        struct errmsg why = { "" }, ignored;
        e = apply_all(all, n, &failed, &why);
        if (e) {
            swap_all(all, n);
            size_t at = failed;
            (void)apply_all(all, failed + 1, &at, &ignored);
            e = set_error(e, pair[failed].name, &why, m);
        }
    }
    for (size_t i = 0; !e && i < n; i++) note_effect(c, all[i].row);
    for (size_t i = 0; i < done; i++) {
        value_free(all[i].row, all[i].fresh);
        mem_free(all[i].fresh);
    }
    mem_free(all);
    return e;
}
