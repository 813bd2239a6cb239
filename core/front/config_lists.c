/* The list kinds of the shared directives: bind, user, rename-command, client-output-buffer-limit,
 * oom-score-adj-values, latency-tracking-info-percentiles. */
#include "core/front/config_lists.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/num.h"
#include "core/front/config.h"

/* ---- texts ---- */

#define BIND_MAX 16 /* Redis' limit */

static void texts_init(void *list) { *(struct front_texts *)list = (struct front_texts){ 0 }; }

static void texts_add(struct front_texts *t, struct slice s)
{
    vec_push(&t->text, mem_strndup(s.p ? s.p : "", s.n));
}

static void texts_clear(struct front_texts *t)
{
    for (size_t i = 0; i < t->text.n; i++) mem_free(t->text.at[i]);
    vec_clear(&t->text);
}

static void texts_free(void *list)
{
    struct front_texts *t = list;
    texts_clear(t);
    vec_free(&t->text);
}

static void texts_copy(void *to, const void *from)
{
    const struct front_texts *t = from;
    texts_init(to);
    for (size_t i = 0; i < t->text.n; i++) texts_add(to, slice_z(t->text.at[i]));
}

static void texts_print(const void *list, struct buf *out)
{
    const struct front_texts *t = list;
    for (size_t i = 0; i < t->text.n; i++) {
        if (i) buf_putc(out, ' ');
        buf_putz(out, t->text.at[i]);
    }
}

/* ---- bind ---- */

static void bind_init(void *list)
{
    texts_init(list);
    texts_add(list, SLICE("*"));
    texts_add(list, SLICE("-::*"));
}

static enum err bind_read(void *list, const struct slice *word, size_t n, bool live,
                          struct errmsg *m)
{
    if (n == 0) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    if (n > BIND_MAX) return err_set(m, ERR_LIMIT, "Too many bind addresses specified.");
    texts_clear(list);
    if (n == 1 && word[0].n == 0) return ERR_NONE;
    for (size_t i = 0; i < n; i++) texts_add(list, word[i]);
    return ERR_NONE;
}

static void bind_lines(const void *list, void (*line)(void *, struct slice, bool), void *to)
{
    struct buf text = { 0 }, value = { 0 };
    texts_print(list, &value);
    buf_putz(&text, "bind ");
    if (buf_size(&value)) buf_puts(&text, buf_slice(&value));
    else buf_putz(&text, "\"\"");
    line(to, buf_slice(&text), !slice_eqz(buf_slice(&value), "* -::*"));
    buf_free(&text);
    buf_free(&value);
}

const struct conf_list_ops front_list_bind = {
    sizeof(struct front_texts), bind_init, texts_copy, texts_free, bind_read, texts_print,
    bind_lines
};

/* ---- user ---- */

/* Rules may hold selectors with spaces, so each word is quoted where it must be. */
static enum err user_read(void *list, const struct slice *word, size_t n, bool live,
                          struct errmsg *m)
{
    struct buf text = { 0 };
    if (n == 0) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    for (size_t i = 0; i < n; i++) {
        if (i) buf_putc(&text, ' ');
        conf_quote(&text, word[i]);
    }
    texts_add(list, buf_slice(&text));
    buf_free(&text);
    return ERR_NONE;
}

const struct conf_list_ops front_list_user = {
    sizeof(struct front_texts), texts_init, texts_copy, texts_free, user_read, texts_print, NULL
};

/* ---- rename-command ---- */

static void renames_init(void *list)
{
    *(struct front_renames *)list = (struct front_renames){ 0 };
}

static void renames_free(void *list)
{
    struct front_renames *r = list;
    for (size_t i = 0; i < r->at.n; i++) {
        mem_free(r->at.at[i].from);
        mem_free(r->at.at[i].to);
    }
    vec_free(&r->at);
}

static void renames_copy(void *to, const void *from)
{
    const struct front_renames *r = from;
    struct front_renames *copy = to;
    renames_init(to);
    for (size_t i = 0; i < r->at.n; i++) {
        vec_push(&copy->at, (struct front_rename){ mem_strdup(r->at.at[i].from),
                                                   mem_strdup(r->at.at[i].to) });
    }
}

static enum err renames_read(void *list, const struct slice *word, size_t n, bool live,
                             struct errmsg *m)
{
    struct front_renames *r = list;
    if (n != 2) {
        return err_set(m, ERR_SYNTAX, "Bad directive or wrong number of arguments");
    }
    vec_push(&r->at, (struct front_rename){ mem_strndup(word[0].p, word[0].n),
                                            mem_strndup(word[1].n ? word[1].p : "", word[1].n) });
    return ERR_NONE;
}

static void renames_print(const void *list, struct buf *out)
{
    const struct front_renames *r = list;
    for (size_t i = 0; i < r->at.n; i++) {
        if (i) buf_putc(out, ' ');
        conf_quote(out, slice_z(r->at.at[i].from));
        buf_putc(out, ' ');
        conf_quote(out, slice_z(r->at.at[i].to));
    }
}

const struct conf_list_ops front_list_renames = {
    sizeof(struct front_renames), renames_init, renames_copy, renames_free, renames_read,
    renames_print, NULL
};

/* ---- client-output-buffer-limit ---- */

static const struct front_output_limit output_defaults[FRONT_CLASSES] = {
    [FRONT_NORMAL] = { 0, 0, 0 },
    [FRONT_REPLICA] = { 256u << 20, 64u << 20, 60 },
    [FRONT_PUBSUB] = { 32u << 20, 8u << 20, 60 },
};
/* CONFIG GET says "slave", as Redis does. */
static const char *const class_shown[FRONT_CLASSES] = { "normal", "slave", "pubsub" };
static const char *const class_written[FRONT_CLASSES] = { "normal", "replica", "pubsub" };

static void output_init(void *list) { memcpy(list, output_defaults, sizeof(output_defaults)); }
static void output_copy(void *to, const void *from) { memcpy(to, from, sizeof(output_defaults)); }
static void flat_free(void *list) {}

static int class_of(struct slice name)
{
    for (int i = 0; i < FRONT_CLASSES; i++) {
        if (slice_ieqz(name, class_shown[i]) || slice_ieqz(name, class_written[i])) return i;
    }
    return -1;
}

static enum err output_read(void *list, const struct slice *word, size_t n, bool live,
                            struct errmsg *m)
{
    struct front_output_limit *limit = list;
    if (n == 1 && word[0].n == 0) return ERR_NONE;  // nothing named, nothing changed
    if (n == 0 || n % 4) {
        return err_set(m, ERR_SYNTAX, "Wrong number of arguments in buffer limit configuration.");
    }
    for (size_t i = 0; i < n; i += 4) {
        int class = class_of(word[i]);
        struct front_output_limit fresh;
        int64_t seconds;
        if (class < 0) {
            return err_set(m, ERR_SYNTAX,
                           "Invalid client class specified in buffer limit configuration.");
        }
        if (!num_to_bytes(word[i + 1], &fresh.hard) || !num_to_bytes(word[i + 2], &fresh.soft) ||
            !num_to_i64(word[i + 3], &seconds) || seconds < 0 || seconds > INT32_MAX) {
            return err_set(m, ERR_SYNTAX,
                           "Error in hard, soft or soft_seconds setting in buffer limit "
                           "configuration.");
        }
        fresh.soft_seconds = (int)seconds;
        limit[class] = fresh;
    }
    return ERR_NONE;
}

static void output_print(const void *list, struct buf *out)
{
    const struct front_output_limit *limit = list;
    for (int i = 0; i < FRONT_CLASSES; i++) {
        buf_fmt(out, "%s%s %" PRIu64 " %" PRIu64 " %d", i ? " " : "", class_shown[i],
                limit[i].hard, limit[i].soft, limit[i].soft_seconds);
    }
}

static void output_lines(const void *list, void (*line)(void *, struct slice, bool), void *to)
{
    const struct front_output_limit *limit = list;
    for (int i = 0; i < FRONT_CLASSES; i++) {
        struct str text = str_fmt("client-output-buffer-limit %s %" PRIu64 " %" PRIu64 " %d",
                                  class_written[i], limit[i].hard, limit[i].soft,
                                  limit[i].soft_seconds);
        const struct front_output_limit *def = &output_defaults[i];
        line(to, str_slice(text), limit[i].hard != def->hard || limit[i].soft != def->soft ||
                                      limit[i].soft_seconds != def->soft_seconds);
        str_free(&text);
    }
}

const struct conf_list_ops front_list_output_limits = {
    sizeof(output_defaults), output_init, output_copy, flat_free, output_read, output_print,
    output_lines
};

/* ---- oom-score-adj-values ---- */

#define OOM_VALUES 3
static const int oom_defaults[OOM_VALUES] = { 0, 200, 800 };

static void oom_init(void *list) { memcpy(list, oom_defaults, sizeof(oom_defaults)); }
static void oom_copy(void *to, const void *from) { memcpy(to, from, sizeof(oom_defaults)); }

static enum err oom_read(void *list, const struct slice *word, size_t n, bool live,
                         struct errmsg *m)
{
    int *value = list;
    if (n != OOM_VALUES) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        if (!num_to_i64(word[i], &v) || v < -2000 || v > 2000) {
            return err_set(m, ERR_RANGE, "Invalid oom-score-adj-values, elements must be between "
                                         "-2000 and 2000.");
        }
        value[i] = (int)v;
    }
    return ERR_NONE;
}

static void oom_print(const void *list, struct buf *out)
{
    const int *value = list;
    buf_fmt(out, "%d %d %d", value[0], value[1], value[2]);
}

const struct conf_list_ops front_list_oom_values = {
    sizeof(oom_defaults), oom_init, oom_copy, flat_free, oom_read, oom_print, NULL
};

/* ---- latency-tracking-info-percentiles ---- */

static void percentiles_init(void *list)
{
    struct front_percentiles *p = list;
    *p = (struct front_percentiles){ 0 };
    vec_push(&p->at, 50);
    vec_push(&p->at, 99);
    vec_push(&p->at, 99.9);
}

static void percentiles_free(void *list) { vec_free(&((struct front_percentiles *)list)->at); }

static void percentiles_copy(void *to, const void *from)
{
    const struct front_percentiles *p = from;
    struct front_percentiles *copy = to;
    *copy = (struct front_percentiles){ 0 };
    for (size_t i = 0; i < p->at.n; i++) vec_push(&copy->at, p->at.at[i]);
}

static enum err percentiles_read(void *list, const struct slice *word, size_t n, bool live,
                                 struct errmsg *m)
{
    struct front_percentiles *p = list;
    vec_clear(&p->at);
    if (n == 0) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    if (n == 1 && word[0].n == 0) return ERR_NONE;
    for (size_t i = 0; i < n; i++) {
        double v;
        if (!num_to_double(word[i], &v)) {
            return err_set(m, ERR_SYNTAX, "Invalid latency-tracking-info-percentiles parameters");
        }
        if (v < 0 || v > 100) {
            return err_set(m, ERR_RANGE, "latency-tracking-info-percentiles parameters should sit "
                                         "between [0.0,100.0]");
        }
        vec_push(&p->at, v);
    }
    return ERR_NONE;
}

static void percentiles_print(const void *list, struct buf *out)
{
    const struct front_percentiles *p = list;
    char text[NUM_DOUBLE_MAX];
    for (size_t i = 0; i < p->at.n; i++) {
        num_from_double(text, p->at.at[i]);
        buf_fmt(out, "%s%s", i ? " " : "", text);
    }
}

/* Always written, as Redis does. */
static void percentiles_lines(const void *list, void (*line)(void *, struct slice, bool), void *to)
{
    struct buf text = { 0 };
    buf_putz(&text, "latency-tracking-info-percentiles ");
    size_t bare = buf_size(&text);
    percentiles_print(list, &text);
    if (buf_size(&text) == bare) buf_putz(&text, "\"\"");
    line(to, buf_slice(&text), true);
    buf_free(&text);
}

const struct conf_list_ops front_list_percentiles = {
    sizeof(struct front_percentiles), percentiles_init, percentiles_copy, percentiles_free,
    percentiles_read, percentiles_print, percentiles_lines
};
