/* The tables of directives: names, defaults and print against redis-server's; the document made of
 * them; the sample files. Also the personality's lists. */
#include <stdio.h>
#include <unistd.h>

#include "core/conf/describe.h"
#include "core/conf/rewrite.h"
#include "core/front/cmdline.h"
#include "core/front/proc_title.h"
#include "core/sys/file.h"
#include "sentinel/config.h"
#include "server/config.h"
#include "server/config_rows.h"
#include "tests/unit/check_main.h"
#include "tests/unit/redis_defaults.h"

struct node {
    struct server_config cfg;
    struct conf conf;
};

static struct node *node_new(void)
{
    struct node *n = mem_zalloc(sizeof(*n));
    server_config_init(&n->cfg, &n->conf, NULL, NULL);
    return n;
}

static void node_delete(struct node *n)
{
    conf_free(&n->conf);
    mem_free(n);
}

static const char *load(struct node *n, const char *text)
{
    static char reason[ERRMSG_MAX];
    struct conf_lines l;
    conf_lines_init(&l);
    conf_read_text(&l, "t", slice_z(text));
    conf_load(&n->conf, &l, NULL);
    text_copy(reason, sizeof(reason), l.error.n ? l.error.at[0].reason : "");
    conf_lines_free(&l);
    return reason;
}

static void get_one(void *to, const char *name, struct slice value)
{
    struct buf *out = to;
    buf_clear(out);
    buf_puts(out, value);
    buf_putc(out, 0);
}

static const char *get(struct node *n, const char *name)
{
    static struct buf out;
    struct slice pattern = slice_z(name);
    buf_clear(&out);
    conf_get(&n->conf, &pattern, 1, get_one, &out);
    return buf_size(&out) ? buf_head(&out) : "(missing)";
}

static const char *set(struct node *n, const char *name, const char *value)
{
    static struct errmsg m;
    struct conf_pair pair = { slice_z(name), slice_z(value) };
    m.text[0] = 0;
    conf_set(&n->conf, &pair, 1, 0, &m);
    return m.text;
}

START_TEST(names_and_defaults_as_redis)
{
    struct node *n = node_new();
    for (size_t i = 0; i < sizeof(redis_defaults) / sizeof(redis_defaults[0]); i++) {
        ck_assert_msg(strcmp(get(n, redis_defaults[i].name), redis_defaults[i].value) == 0,
                      "%s is '%s', not '%s'", redis_defaults[i].name,
                      get(n, redis_defaults[i].name), redis_defaults[i].value);
    }
    node_delete(n);
}
END_TEST

/* What harnesses put into start-up files, beyond what CONFIG GET * of 7.0 shows. */
START_TEST(names_beyond_redis_7_0)
{
    static const char *const names[] = {
        "key-load-delay", "rdb-key-save-delay", "loading-process-events-interval-bytes",
        "use-exit-on-panic", "enable-debug-assert", "hide-user-data-from-log",
        "set-max-listpack-entries", "set-max-listpack-value", "locale-collate",
        "max-new-connections-per-cycle", "cluster-announce-human-nodename", "server-cpulist",
        "bio-cpulist", "aof-rewrite-cpulist", "bgsave-cpulist", "user", "rename-command",
        "loadmodule", "sentinel",
    };
    struct node *n = node_new();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(conf_find(&n->conf, slice_z(names[i]), NULL) != NULL, "%s", names[i]);
    }
    node_delete(n);
}
END_TEST

static void check_row(const struct conf_row *row)
{
    struct buf text = { 0 };
    struct errmsg m = { "" };
    conf_print_default(row, &text);
    ck_assert_msg(row->status == CONF_WORKS ? row->what != NULL : row->note != NULL,
                  "%s has no words", row->name);
    ck_assert_msg((row->kind == CONF_ENUM) == (row->of != NULL), "%s", row->name);
    ck_assert_msg((row->kind == CONF_LIST) == (row->list != NULL), "%s", row->name);
    if (!(row->flags & CONF_FILE_ONLY) && strcmp(row->name, "replicaof")) {
        void *field = mem_zalloc(512);
        struct slice word = buf_slice(&text);
        if (row->kind == CONF_TEXT) *(char **)field = mem_strdup("");
        if (row->kind == CONF_LIST) row->list->init(field);
        bool empty_name = row->kind == CONF_TEXT && row->check && word.n == 0;
        if (!empty_name) {
            ck_assert_msg(conf_parse(row, field, &word, 1, true, &m) == ERR_NONE, "%s: %s",
                          row->name, m.text);
            ck_assert_msg(conf_is_default(row, field), "%s", row->name);
        }
        if (row->kind == CONF_TEXT) mem_free(*(char **)field);
        if (row->kind == CONF_BYTES) str_free(field);
        if (row->kind == CONF_LIST) row->list->free(field);
        mem_free(field);
    }
    buf_free(&text);
}

START_TEST(rows_are_sound)
{
    struct node *n = node_new();
    for (size_t p = 0; p < n->conf.parts; p++) {
        for (size_t i = 0; i < n->conf.part[p].rows; i++) {
            const struct conf_row *row = &n->conf.part[p].row[i];
            check_row(row);
            ck_assert_ptr_eq(conf_find(&n->conf, slice_z(row->name), NULL), row);
            if (row->alias) ck_assert_ptr_eq(conf_find(&n->conf, slice_z(row->alias), NULL), row);
        }
    }
    node_delete(n);
}
END_TEST

START_TEST(save_points_add_up)
{
    struct node *n = node_new();
    ck_assert_str_eq(load(n, "save 100 1\nsave 900 2 300 10\n"), "");
    ck_assert_str_eq(get(n, "save"), "100 1 900 2 300 10");
    ck_assert_str_eq(load(n, "save \"\"\nsave 5 5\n"), "");
    ck_assert_str_eq(get(n, "save"), "5 5");
    ck_assert_str_eq(set(n, "save", "7 8 9 10"), "");
    ck_assert_str_eq(get(n, "save"), "7 8 9 10");
    ck_assert_str_eq(set(n, "save", ""), "");
    ck_assert_str_eq(get(n, "save"), "");
    ck_assert_str_eq(load(n, "save 1"), "Invalid save parameters");
    ck_assert_str_eq(set(n, "save", "0 1"),
                     "CONFIG SET failed (possibly related to argument 'save') - Invalid save "
                     "parameters");
    node_delete(n);
}
END_TEST

START_TEST(lists_print_as_redis)
{
    struct node *n = node_new();
    ck_assert_str_eq(set(n, "client-output-buffer-limit", "replica 1mb 2mb 3 pubsub 1 2 3"), "");
    ck_assert_str_eq(get(n, "client-output-buffer-limit"),
                     "normal 0 0 0 slave 1048576 2097152 3 pubsub 1 2 3");
    ck_assert_str_eq(set(n, "notify-keyspace-events", "KEAm"), "");
    ck_assert_str_eq(get(n, "notify-keyspace-events"), "AKEm");
    ck_assert_str_eq(set(n, "notify-keyspace-events", "gKxEt"), "");
    ck_assert_str_eq(get(n, "notify-keyspace-events"), "gxtKE");
    ck_assert_str_eq(set(n, "shutdown-on-sigint", "force nosave"), "");
    ck_assert_str_eq(get(n, "shutdown-on-sigint"), "nosave force");
    ck_assert_str_eq(set(n, "bind", "127.0.0.1 -::1"), "");
    ck_assert_str_eq(get(n, "bind"), "127.0.0.1 -::1");
    ck_assert_str_eq(load(n, "replicaof localhost 6379\nunixsocketperm 770\n"), "");
    ck_assert_str_eq(get(n, "slaveof"), "localhost 6379");
    ck_assert_str_eq(get(n, "unixsocketperm"), "770");
    ck_assert_int_eq(n->cfg.front.unixsocketperm, 0770);
    ck_assert_str_eq(load(n, "replicaof no one\n"), "");
    ck_assert_str_eq(get(n, "replicaof"), "");
    node_delete(n);
}
END_TEST

START_TEST(what_is_refused_says_why)
{
    struct node *n = node_new();
    ck_assert_ptr_nonnull(strstr(load(n, "cluster-enabled yes"), "cluster mode"));
    ck_assert_ptr_nonnull(strstr(load(n, "loadmodule /x.so"), "no module interface"));
    ck_assert_ptr_nonnull(strstr(load(n, "tls-port 6380"), "TLS"));
    ck_assert_str_eq(load(n, "sentinel monitor a b 1 1"),
                     "sentinel directive while not in sentinel mode");
    ck_assert_str_eq(load(n, "cluster-enabled no\ntls-port 0\nio-threads 4\n"), "");
    ck_assert_uint_eq(n->conf.without_effect.n, 1);
    ck_assert_str_eq(n->conf.without_effect.at[0]->name, "io-threads");
    node_delete(n);
}
END_TEST

START_TEST(rewrite_of_the_server)
{
    struct node *n = node_new();
    struct buf out = { 0 };
    load(n, "port 7000\nmaxmemory 12345678\nhz 50\nsave 1 2\n"
            "client-output-buffer-limit slave 1mb 2mb 3\n");
    server_config_set_replicaof(&n->cfg, SLICE("10.0.0.1"), 6380);
    struct conf_rewrite *w = conf_rewrite_text(
        SLICE("# top\nport 7000\nmaxmemory 100mb\nslaveof 127.0.0.1 1 # m\nsave 900 1\nsave 300 1\n"
              "rename-command DEBUG \"\"\nuser x on\n"));
    conf_rewrite_rows(w, &n->conf);
    conf_rewrite_print(w, &out);
    buf_putc(&out, 0);
    ck_assert_str_eq(buf_head(&out),
                     "# top\nport 7000\nmaxmemory 12345678\nreplicaof 10.0.0.1 6380  # m\n"
                     "save 1 2\nrename-command DEBUG \"\"\nuser x on\n"
                     "\n# Generated by CONFIG REWRITE\n"
                     "dir \".\"\nhz 50\nclient-output-buffer-limit replica 1048576 2097152 3\n"
                     "latency-tracking-info-percentiles 50 99 99.9\n");
    conf_rewrite_free(w);
    buf_free(&out);
    node_delete(n);
}
END_TEST

START_TEST(users_and_renames_are_kept)
{
    struct node *n = node_new();
    ck_assert_str_eq(load(n, "user a on >x\nuser b on (~a* +get)  # later\n"
                             "rename-command KEYS \"\"\nrename-command A b\n"), "");
    const struct front_config *f = &n->cfg.front;
    ck_assert_uint_eq(f->user.text.n, 2);
    ck_assert_str_eq(f->user.text.at[1], "b on (~a* +get)");
    ck_assert_uint_eq(f->rename_command.at.n, 2);
    ck_assert_str_eq(f->rename_command.at.at[0].from, "KEYS");
    ck_assert_str_eq(f->rename_command.at.at[0].to, "");
    ck_assert_str_eq(get(n, "user"), "(missing)");
    node_delete(n);
}
END_TEST

START_TEST(sentinel_knows_what_is_not_its_own)
{
    struct sentinel_config cfg;
    struct conf conf;
    struct conf_lines l;
    sentinel_config_init(&cfg, &conf, NULL);
    ck_assert_int_eq(cfg.front.port, 26379);
    for (size_t i = 0; i < server_config_rows_n; i++) {
        const char *names[] = { server_config_rows[i].name, server_config_rows[i].alias };
        for (int k = 0; k < 2 && names[k]; k++) {
            struct slice word = slice_z(names[k]);
            conf_lines_init(&l);
            conf_read_words(&l, &word, 1);
            ck_assert_msg(sentinel_config_skip(&l.line.at[0]), "%s", names[k]);
            conf_lines_free(&l);
        }
    }
    conf_lines_init(&l);
    conf_read_text(&l, "t", SLICE("port 5\nSENTINEL myid x\nappendonly yes\nfoo 1\n"));
    conf_load(&conf, &l, sentinel_config_skip);
    ck_assert_uint_eq(l.error.n, 1);
    ck_assert_int_eq(l.error.at[0].number, 4);
    size_t at = 0;
    ck_assert_str_eq(sentinel_config_foreign(&l, &at), "appendonly");
    ck_assert_ptr_null(sentinel_config_foreign(&l, &at));
    conf_lines_free(&l);
    conf_free(&conf);
}
END_TEST

START_TEST(titles)
{
    struct node *n = node_new();
    struct buf out = { 0 };
    ck_assert(proc_title_template_ok("{title} {listen-addr} {server-mode} x"));
    ck_assert(!proc_title_template_ok("{foo}") && !proc_title_template_ok("{title"));
    ck_assert(!proc_title_template_ok("title}"));
    proc_title_print(&n->cfg.front, "redis-server", "[sentinel]", NULL, &out);
    ck_assert(slice_eqz(buf_slice(&out), "redis-server *:6379 [sentinel]"));
    buf_clear(&out);
    load(n, "bind ::1\nproc-title-template \"{port}-{config-file} {listen-addr} {server-mode}\"\n");
    proc_title_print(&n->cfg.front, "x", "", "/c", &out);
    ck_assert(slice_eqz(buf_slice(&out), "6379-/c [::1]:6379"));
    buf_free(&out);
    node_delete(n);
}
END_TEST

/* ---- files of the repository; the build tells where it is ---- */

static void read_repo(const char *name, struct buf *out)
{
    char path[1024];
    struct errmsg m = { "" };
    const char *root = getenv("TANIST_ROOT");
    snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
    ck_assert_msg(file_read(path, 1 << 20, out, &m) == ERR_NONE, "%s", m.text);
}

START_TEST(document_is_up_to_date)
{
    const struct conf_table tables[] = {
        { "Directives of both personalities", front_config_rows, front_config_rows_n },
        { "Directives of the data server", server_config_rows, server_config_rows_n },
    };
    struct buf file = { 0 }, print = { 0 };
    read_repo("docs/directives.md", &file);
    conf_describe_markdown(tables, 2, &print);
    ck_assert_msg(slice_eq(buf_slice(&file), buf_slice(&print)),
                  "old: tanist --print-directives markdown > docs/directives.md");
    buf_free(&file);
    buf_free(&print);
}
END_TEST

static void check_sample(const char *name, bool sentinel)
{
    struct node *n = node_new();
    struct buf text = { 0 };
    struct conf_lines l;
    struct sentinel_config scfg;
    struct conf sconf;
    sentinel_config_init(&scfg, &sconf, NULL);
    conf_lines_init(&l);
    read_repo(name, &text);
    conf_read_text(&l, name, buf_slice(&text));
    conf_load(sentinel ? &sconf : &n->conf, &l, sentinel ? sentinel_config_skip : NULL);
    ck_assert_msg(l.error.n == 0, "%s:%d: %s", name, l.error.n ? l.error.at[0].number : 0,
                  l.error.n ? l.error.at[0].reason : "");
    ck_assert_uint_gt(l.line.n, 3);
    ck_assert_uint_eq(n->conf.without_effect.n, 0); /* a sample teaches what works */
    conf_lines_free(&l);
    conf_free(&sconf);
    buf_free(&text);
    node_delete(n);
}

START_TEST(samples_load)
{
    check_sample("configs/master.conf", false);
    check_sample("configs/replica.conf", false);
    check_sample("configs/sentinel.conf", true);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(names_and_defaults_as_redis), UNIT(names_beyond_redis_7_0),
    UNIT(rows_are_sound),              UNIT(save_points_add_up),
    UNIT(lists_print_as_redis),        UNIT(what_is_refused_says_why),
    UNIT(rewrite_of_the_server),       UNIT(users_and_renames_are_kept),
    UNIT(sentinel_knows_what_is_not_its_own), UNIT(titles),
    UNIT(document_is_up_to_date),      UNIT(samples_load),
};
UNIT_MAIN("conf_rows", cases)
