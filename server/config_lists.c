#include "server/config_lists.h"

#include <stdio.h>

#include "core/base/num.h"
#include "server/config.h"

static void flat_free(void *list) {}

/* ---- save ---- */

static void save_free(void *list) { vec_free(&((struct server_save *)list)->at); }

static void save_init(void *list)
{
    struct server_save *s = list;
    *s = (struct server_save){ 0 };
    vec_push(&s->at, (struct server_save_point){ 3600, 1 });
    vec_push(&s->at, (struct server_save_point){ 300, 100 });
    vec_push(&s->at, (struct server_save_point){ 60, 10000 });
}

static void save_copy(void *to, const void *from)
{
    const struct server_save *s = from;
    struct server_save *copy = to;
    *copy = (struct server_save){ .given = s->given };
    for (size_t i = 0; i < s->at.n; i++) vec_push(&copy->at, s->at.at[i]);
}

/* Lines of files and options add up, CONFIG SET replaces; "" drops all that came before. */
static enum err save_read(void *list, const struct slice *word, size_t n, bool live,
                          struct errmsg *m)
{
    struct server_save *s = list;
    bool none = n == 1 && word[0].n == 0;
    if (live || none || !s->given) vec_clear(&s->at);
    s->given = true;
    if (none) return ERR_NONE;
    if (n == 0 || n % 2) return err_set(m, ERR_SYNTAX, "Invalid save parameters");
    for (size_t i = 0; i < n; i += 2) {
        int64_t seconds, changes;
        if (!num_to_i64(word[i], &seconds) || !num_to_i64(word[i + 1], &changes) ||
            seconds < 1 || changes < 0 || seconds > INT32_MAX || changes > INT32_MAX) {
            return err_set(m, ERR_SYNTAX, "Invalid save parameters");
        }
        vec_push(&s->at, (struct server_save_point){ (int)seconds, (int)changes });
    }
    return ERR_NONE;
}

static void save_print(const void *list, struct buf *out)
{
    const struct server_save *s = list;
    for (size_t i = 0; i < s->at.n; i++) {
        buf_fmt(out, "%s%d %d", i ? " " : "", s->at.at[i].seconds, s->at.at[i].changes);
    }
}

/* Always written: a file without `save` has the default points. One line a point, so that a file
 * that has several keeps them where they stand. */
static void save_lines(const void *list, void (*line)(void *, struct slice, bool), void *to)
{
    const struct server_save *s = list;
    for (size_t i = 0; i < s->at.n; i++) {
        struct buf text = { 0 };
        buf_fmt(&text, "save %d %d", s->at.at[i].seconds, s->at.at[i].changes);
        line(to, buf_slice(&text), true);
        buf_free(&text);
    }
    if (s->at.n == 0) line(to, SLICE("save \"\""), true);
}

const struct conf_list_ops server_list_save = {
    sizeof(struct server_save), save_init, save_copy, save_free, save_read, save_print, save_lines
};

/* ---- replicaof ---- */

static void replicaof_init(void *list)
{
    *(struct server_replicaof *)list = (struct server_replicaof){ mem_strdup(""), 0 };
}
static void replicaof_free(void *list) { mem_free(((struct server_replicaof *)list)->host); }

static void replicaof_copy(void *to, const void *from)
{
    const struct server_replicaof *r = from;
    *(struct server_replicaof *)to = (struct server_replicaof){ mem_strdup(r->host), r->port };
}

static enum err replicaof_read(void *list, const struct slice *word, size_t n, bool live,
                               struct errmsg *m)
{
    struct server_replicaof *r = list;
    int64_t port;
    if (n != 2) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    if (slice_ieqz(word[0], "no") && slice_ieqz(word[1], "one")) {
        conf_put_text(&r->host, SLICE(""));
        r->port = 0;
        return ERR_NONE;
    }
    if (!num_to_i64(word[1], &port) || port < 0 || port > 65535) {
        return err_set(m, ERR_RANGE, "Invalid master port");
    }
    conf_put_text(&r->host, word[0]);
    r->port = (int)port;
    return ERR_NONE;
}

static void replicaof_print(const void *list, struct buf *out)
{
    const struct server_replicaof *r = list;
    if (*r->host) buf_fmt(out, "%s %d", r->host, r->port);
}

static void replicaof_lines(const void *list, void (*line)(void *, struct slice, bool), void *to)
{
    const struct server_replicaof *r = list;
    struct str text;
    if (!*r->host) return;
    text = str_fmt("replicaof %s %d", r->host, r->port);
    line(to, str_slice(text), true);
    str_free(&text);
}

const struct conf_list_ops server_list_replicaof = {
    sizeof(struct server_replicaof), replicaof_init, replicaof_copy, replicaof_free,
    replicaof_read, replicaof_print, replicaof_lines
};

void server_config_set_replicaof(struct server_config *cfg, struct slice host, int port)
{
    conf_put_text(&cfg->replicaof.host, host);
    cfg->replicaof.port = host.n ? port : 0;
}

/* ---- notify-keyspace-events ---- */

/* In the order in which Redis prints them. */
static const struct { char letter; int bit; } classes[] = {
    { 'g', NOTIFY_GENERIC }, { '$', NOTIFY_STRING }, { 'l', NOTIFY_LIST }, { 's', NOTIFY_SET },
    { 'h', NOTIFY_HASH },    { 'z', NOTIFY_ZSET },   { 'x', NOTIFY_EXPIRED },
    { 'e', NOTIFY_EVICTED }, { 't', NOTIFY_STREAM }, { 'd', NOTIFY_MODULE }, { 'n', NOTIFY_NEW },
    { 'A', NOTIFY_ALL },     { 'K', NOTIFY_KEYSPACE }, { 'E', NOTIFY_KEYEVENT },
    { 'm', NOTIFY_KEY_MISS },
};
#define CLASSES_N (sizeof(classes) / sizeof(classes[0]))

bool server_notify_parse(struct slice text, int *bits)
{
    *bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        size_t k = 0;
        while (k < CLASSES_N && classes[k].letter != text.p[i]) k++;
        if (k == CLASSES_N) return false;
        *bits |= classes[k].bit;
    }
    return true;
}

size_t server_notify_print(int bits, char out[20])
{
    size_t n = 0;
    bool all = (bits & NOTIFY_ALL) == NOTIFY_ALL;
    for (size_t i = 0; i < CLASSES_N; i++) {
        bool part_of_all = (classes[i].bit & NOTIFY_ALL) && classes[i].bit != NOTIFY_ALL;
        if (classes[i].bit == NOTIFY_ALL ? !all : !(bits & classes[i].bit)) continue;
        if (!all || !part_of_all) out[n++] = classes[i].letter;
    }
    out[n] = 0;
    return n;
}

static void notify_init(void *list) { *(int *)list = 0; }
static void notify_copy(void *to, const void *from) { *(int *)to = *(const int *)from; }

static enum err notify_read(void *list, const struct slice *word, size_t n, bool live,
                            struct errmsg *m)
{
    if (n != 1) return err_set(m, ERR_SYNTAX, "wrong number of arguments");
    if (server_notify_parse(word[0], list)) return ERR_NONE;
    return err_set(m, ERR_SYNTAX, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
}

static void notify_print(const void *list, struct buf *out)
{
    char text[20];
    server_notify_print(*(const int *)list, text);
    buf_putz(out, text);
}

static void notify_lines(const void *list, void (*line)(void *, struct slice, bool), void *to)
{
    char text[20];
    server_notify_print(*(const int *)list, text);
    struct str whole = str_fmt("notify-keyspace-events \"%s\"", text);
    line(to, str_slice(whole), *text != 0);
    str_free(&whole);
}

const struct conf_list_ops server_list_notify = {
    sizeof(int), notify_init, notify_copy, flat_free, notify_read, notify_print, notify_lines
};

/* ---- loadmodule, sentinel ---- */

static enum err module_read(void *list, const struct slice *word, size_t n, bool live,
                            struct errmsg *m)
{
    return err_set(m, ERR_REFUSED, "Modules cannot be loaded: there is no module interface");
}
static enum err sentinel_read(void *list, const struct slice *word, size_t n, bool live,
                              struct errmsg *m)
{
    return err_set(m, ERR_REFUSED, "sentinel directive while not in sentinel mode");
}
static void module_print(const void *list, struct buf *out) {}

const struct conf_list_ops server_list_module = {
    sizeof(int), notify_init, notify_copy, flat_free, module_read, module_print, NULL
};

const struct conf_list_ops server_list_sentinel = {
    sizeof(int), notify_init, notify_copy, flat_free, sentinel_read, module_print, NULL
};
