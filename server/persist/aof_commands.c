#include "server/persist/aof_commands.h"

#include "core/base/num.h"
#include "core/db/keyspace.h"
#include "core/rdb/save.h"
#include "core/resp/write.h"
#include "core/sys/clock.h"
#include "core/types/hash.h"
#include "core/types/list.h"
#include "core/types/set.h"
#include "core/types/zset.h"
#include "server/config.h"
#include "server/script/scripting.h"
#include "server/server.h"

#define FLUSH_BYTES (256 * 1024)

struct writer {
    rdb_write_fn *write;
    void *app;
    struct buf out;
    struct errmsg *msg;
    enum err err;
};

static void put_word(struct writer *w, struct slice s) { resp_bulk(&w->out, s); }

static void put_words(struct writer *w, int argc, const struct slice *argv)
{
    resp_command(&w->out, argc, argv);
}

/* The head of a command with so many words, of which the first two are these. */
static void begin(struct writer *w, size_t words, struct slice name, struct slice key)
{
    resp_array(&w->out, words);
    put_word(w, name);
    put_word(w, key);
}

static void flush(struct writer *w, size_t at_least)
{
    if (w->err || buf_size(&w->out) < at_least) return;
    w->err = w->write(w->app, buf_head(&w->out), buf_size(&w->out), w->msg);
    buf_clear(&w->out);
}

/* Elements of the next command: `*left` counts what has not been announced. */
static void next_command(struct writer *w, size_t *left, size_t words_each, struct slice name,
                         struct slice key)
{
    size_t n = *left < AOF_ITEMS_A_COMMAND ? *left : AOF_ITEMS_A_COMMAND;
    begin(w, 2 + n * words_each, name, key);
    *left -= n;
    flush(w, FLUSH_BYTES);
}

/* ---- a type each ---- */

static void put_string(struct writer *w, const struct entry *e)
{
    char tmp[STRING_TMP];
    struct slice words[] = { SLICE("SET"), entry_key(e), string_get(e, tmp) };
    put_words(w, 3, words);
}

static void put_list(struct writer *w, const struct entry *e)
{
    size_t left = list_len(e), at = 0;
    struct packed_item item;
    char tmp[PACKED_TMP];
    for (struct list_iter it = list_from(e, 0, false); list_item(&it, &item);
         list_step(&it), at++) {
        if (at % AOF_ITEMS_A_COMMAND == 0)
            next_command(w, &left, 1, SLICE("RPUSH"), entry_key(e));
        put_word(w, packed_item_text(&item, tmp));
    }
}

static void put_set(struct writer *w, const struct entry *e)
{
    size_t left = set_count(e), at = 0;
    struct set_iter it;
    char tmp[SET_TMP];
    set_iter_start(&it, e);
    for (struct slice member; set_iter_next(&it, tmp, &member); at++) {
        if (at % AOF_ITEMS_A_COMMAND == 0) next_command(w, &left, 1, SLICE("SADD"), entry_key(e));
        put_word(w, member);
    }
    set_iter_end(&it);
}

static void put_zset(struct writer *w, const struct entry *e)
{
    size_t left = zset_count(e), at = 0;
    struct zset_iter it;
    char score[NUM_DOUBLE_MAX];
    zset_iter_start(&it, e, 0, false);
    for (struct zset_item item; zset_iter_next(&it, &item); at++) {
        if (at % AOF_ITEMS_A_COMMAND == 0) next_command(w, &left, 2, SLICE("ZADD"), entry_key(e));
        put_word(w, slice_of(score, num_from_double_17(score, item.score)));
        put_word(w, item.member);
    }
}

static void put_hash(struct writer *w, const struct entry *e)
{
    size_t left = hash_count(e), at = 0;
    struct hash_iter it;
    hash_iter_start(&it, e);
    for (struct hash_pair pair; hash_iter_next(&it, &pair); at++) {
        if (at % AOF_ITEMS_A_COMMAND == 0)
            next_command(w, &left, 2, SLICE("HMSET"), entry_key(e));
        put_word(w, pair.field);
        put_word(w, pair.value);
    }
    hash_iter_end(&it);
}

static void put_dump(struct writer *w, const struct entry *e)
{
    struct buf dump = { 0 };
    rdb_dump(e, &dump);
    struct slice words[] = { SLICE("RESTORE"), entry_key(e), SLICE("0"), buf_slice(&dump) };
    put_words(w, 4, words);
    buf_free(&dump);
}

static void put_key(struct writer *w, const struct entry *e)
{
    static void (*const puts[VALUE_TYPES])(struct writer *, const struct entry *) = {
        [VALUE_STRING] = put_string, [VALUE_LIST] = put_list, [VALUE_SET] = put_set,
        [VALUE_ZSET] = put_zset,     [VALUE_HASH] = put_hash, [VALUE_STREAM] = put_dump,
    };
    if (e->type == VALUE_HASH && hash_is_timed(e)) put_dump(w, e);
    else puts[e->type](w, e);
    int64_t deadline = entry_deadline(e);
    if (deadline == ENTRY_NO_DEADLINE) return;
    char text[NUM_I64_MAX];
    struct slice words[] = { SLICE("PEXPIREAT"), entry_key(e),
                             slice_of(text, num_from_i64(text, deadline)) };
    put_words(w, 3, words);
}

/* ---- all ---- */

static void put_db(struct writer *w, struct ks_db *db)
{
    struct table_iter it;
    char text[NUM_I64_MAX];
    struct slice words[] = { SLICE("SELECT"), slice_of(text, num_from_i64(text, db->id)) };
    put_words(w, 2, words);
    table_iter_start(&it, &db->keys);
    for (struct entry *e; !w->err && (e = table_iter_next(&it));) {
        put_key(w, e);
        flush(w, FLUSH_BYTES);
    }
    table_iter_end(&it);
}

static void put_functions(struct server *s, struct writer *w)
{
    size_t n;
    struct slice *sources = scripting_sources(s->scripts, &n);
    for (size_t i = 0; i < n; i++) {
        const struct slice words[] = { SLICE("FUNCTION"), SLICE("LOAD"), sources[i] };
        resp_command(&w->out, 3, words);
    }
    mem_free(sources);
}

enum err aof_write_commands(struct server *s, rdb_write_fn *write, void *app, struct errmsg *msg)
{
    struct writer w = { .write = write, .app = app, .msg = msg };
    if (s->config->aof_timestamp_enabled)
        buf_fmt(&w.out, "#TS:%lld\r\n", (long long)(clock_wall_ms() / 1000));
    put_functions(s, &w);
    for (int i = 0; i < s->ks->n && !w.err; i++)
        if (ks_count(ks_db(s->ks, i))) put_db(&w, ks_db(s->ks, i));
    flush(&w, 1);
    buf_free(&w.out);
    return w.err;
}
