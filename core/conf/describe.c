#include "core/conf/describe.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"

static const char *const kinds[] = {
    [CONF_BOOL] = "yes or no", [CONF_INT] = "integer", [CONF_SECONDS] = "seconds",
    [CONF_LONG] = "integer",   [CONF_MS] = "ms",       [CONF_SIZE] = "bytes",
    [CONF_PERCENT_OR_SIZE] = "bytes or percent",       [CONF_ENUM] = "name",
    [CONF_TEXT] = "text",      [CONF_BYTES] = "text",  [CONF_LIST] = "words",
};
static const char *const statuses[] = {
    [CONF_WORKS] = "works", [CONF_NO_EFFECT] = "no effect", [CONF_REFUSED] = "refused",
};

static const char *when(const struct conf_row *row)
{
    if (row->flags & CONF_FILE_ONLY) return "file";
    if (row->flags & CONF_START) return "start";
    return row->flags & CONF_PROTECTED ? "protected" : "live";
}

static int row_cmp(const void *a, const void *b)
{
    const struct conf_row *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The rows by name; gives. */
static const struct conf_row **sorted(const struct conf_table *t)
{
    const struct conf_row **all = mem_alloc((t->rows + 1) * sizeof(*all));
    for (size_t i = 0; i < t->rows; i++) all[i] = &t->row[i];
    qsort(all, t->rows, sizeof(*all), row_cmp);
    return all;
}

/* What may be written: names of an enum, else the kind. */
static void put_values(const struct conf_row *row, struct buf *out)
{
    if (row->kind != CONF_ENUM) {
        buf_putz(out, row->flags & CONF_OCTAL ? "octal number" : kinds[row->kind]);
        return;
    }
    for (const struct conf_name *of = row->of; of->name; of++) {
        buf_fmt(out, "%s%s", of == row->of ? "" : ", ", of->name);
    }
}

static void markdown_row(const struct conf_row *row, struct buf *out)
{
    struct buf def = { 0 };
    conf_print_default(row, &def);
    buf_fmt(out, "| `%s`", row->name);
    if (row->alias) buf_fmt(out, "<br>`%s`", row->alias);
    buf_putz(out, " | ");
    put_values(row, out);
    buf_putz(out, " | ");
    if (buf_size(&def)) buf_fmt(out, "`%.*s`", SLICE_ARG(buf_slice(&def)));
    buf_fmt(out, " | %s | ", when(row));
    if (row->status == CONF_WORKS) buf_putz(out, row->what ? row->what : "");
    else buf_fmt(out, "**%s**: %s", statuses[row->status], row->note);
    buf_putz(out, " |\n");
    buf_free(&def);
}

void conf_describe_markdown(const struct conf_table *tables, size_t n, struct buf *out)
{
    buf_putz(out,
             "# Directives\n\n"
             "Made by `tanist --print-directives markdown`; a test compares. *When*: live, by "
             "CONFIG SET too; protected, by CONFIG SET where\n`enable-protected-configs` allows "
             "it; start, in the file or on the command line only; file, a line of the file "
             "only. A directive with\n**no effect** is accepted so that files made for Redis "
             "load; setting it to another value than its default is told in the log. A\n"
             "**refused** one is an error unless it has its default.\n");
    for (size_t t = 0; t < n; t++) {
        const struct conf_row **all = sorted(&tables[t]);
        buf_fmt(out, "\n## %s\n\n| directive | values | default | when | meaning |\n"
                     "|---|---|---|---|---|\n", tables[t].title);
        for (size_t i = 0; i < tables[t].rows; i++) markdown_row(all[i], out);
        mem_free(all);
    }
}

static cJSON *json_row(const struct conf_row *row, const char *table)
{
    cJSON *o = cJSON_CreateObject();
    struct buf text = { 0 };
    conf_print_default(row, &text);
    buf_putc(&text, 0);
    cJSON_AddStringToObject(o, "name", row->name);
    if (row->alias) cJSON_AddStringToObject(o, "alias", row->alias);
    cJSON_AddStringToObject(o, "table", table);
    cJSON_AddStringToObject(o, "kind", kinds[row->kind]);
    cJSON_AddStringToObject(o, "default", buf_head(&text));
    cJSON_AddStringToObject(o, "when", when(row));
    cJSON_AddStringToObject(o, "status", statuses[row->status]);
    cJSON_AddBoolToObject(o, "hidden", (row->flags & CONF_HIDDEN) != 0);
    cJSON_AddBoolToObject(o, "secret", (row->flags & CONF_SECRET) != 0);
    if (row->what) cJSON_AddStringToObject(o, "what", row->what);
    if (row->note) cJSON_AddStringToObject(o, "note", row->note);
    if (row->min || row->max) {
        cJSON_AddNumberToObject(o, "min", (double)row->min);
        cJSON_AddNumberToObject(o, "max", (double)row->max);
    }
    if (row->kind == CONF_ENUM) {
        cJSON *names = cJSON_AddArrayToObject(o, "values");
        for (const struct conf_name *of = row->of; of->name; of++) {
            cJSON_AddItemToArray(names, cJSON_CreateString(of->name));
        }
    }
    buf_free(&text);
    return o;
}

void conf_describe_json(const struct conf_table *tables, size_t n, struct buf *out)
{
    cJSON *all = cJSON_CreateArray();
    for (size_t t = 0; t < n; t++) {
        const struct conf_row **rows = sorted(&tables[t]);
        for (size_t i = 0; i < tables[t].rows; i++) {
            cJSON_AddItemToArray(all, json_row(rows[i], tables[t].title));
        }
        mem_free(rows);
    }
    char *text = cJSON_Print(all);
    buf_putz(out, text);
    buf_putc(out, '\n');
    cJSON_free(text);
    cJSON_Delete(all);
}
