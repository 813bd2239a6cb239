#include "core/front/acl.h"

#include "core/base/glob.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/sha256.h"
#include "core/conf/rewrite.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/pubsub.h"
#include "core/resp/read.h"
#include "core/sys/file.h"

#define ACL_FILE_MAX (64u << 20)

struct acl {
    struct front *front;
    VEC(struct acl_user *) users; /* sorted by name */
    struct acl_user *def;
    struct acl_log *log;
};

/* ---- users by name ---- */

static size_t place_of(const struct acl *a, struct slice name, bool *found)
{
    size_t low = 0, high = a->users.n;
    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = slice_cmp(str_slice(a->users.at[mid]->name), name);
        if (c == 0) *found = true;
        if (c >= 0) high = mid;
        else low = mid + 1;
    }
    return low;
}

struct acl_user *acl_find(const struct acl *a, struct slice name)
{
    bool found;
    size_t at = place_of(a, name, &found);
    return found ? a->users.at[at] : NULL;
}

static void add_user(struct acl *a, struct acl_user *u)
{
    bool found;
    size_t at = place_of(a, str_slice(u->name), &found);
    must(!found);
    vec_insert(&a->users, at, u);
}

static bool channels_by_default(const struct acl *a)
{
    return a->front->config->acl_pubsub_default == ACL_PUBSUB_ALL;
}

static void make_all_powerful(struct acl_user *u, const struct registry *r)
{
    static const char *const rules[] = { "on", "nopass", "allkeys", "allchannels", "+@all" };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        must(acl_apply(u, r, false, slice_z(rules[i]), NULL) == ERR_NONE);
    acl_user_settle(u);
}

struct acl *acl_new(struct front *f)
{
    struct acl *a = mem_zalloc(sizeof(*a));
    a->front = f;
    a->log = acl_log_new();
    a->def = acl_user_new(SLICE("default"), f->registry);
    make_all_powerful(a->def, f->registry);
    add_user(a, a->def);
    return a;
}

void acl_delete(struct acl *a)
{
    for (size_t i = 0; i < a->users.n; i++) acl_user_delete(a->users.at[i]);
    vec_free(&a->users);
    acl_log_delete(a->log);
    mem_free(a);
}

struct acl_user *acl_default(const struct acl *a) { return a->def; }
struct acl_log *acl_denials(const struct acl *a) { return a->log; }

size_t acl_users(const struct acl *a, struct acl_user ***sorted)
{
    *sorted = a->users.at;
    return a->users.n;
}

/* ---- decisions ---- */

static bool selector_has(const struct acl_selector *s, const struct command_entry *e, int argc,
                         const struct slice *argv)
{
    if (s->all_commands) return true;
    size_t word = (size_t)e->id / 64;
    if (word < s->words && s->commands[word] >> (e->id % 64) & 1) return true;
    for (size_t i = 0; argc > 1 && i < s->first_args.n; i++)
        if (s->first_args.at[i].id == e->id &&
            slice_ieq(str_slice(s->first_args.at[i].word), argv[1]))
            return true;
    return false;
}

static bool selector_key(const struct acl_selector *s, struct slice key, unsigned permission)
{
    if (s->all_keys) return true;
    for (size_t i = 0; i < s->keys.n; i++)
        if ((s->keys.at[i].permission & permission) == permission &&
            glob_match(str_slice(s->keys.at[i].pattern), key, false))
            return true;
    return false;
}

/* A pattern of channels must be allowed as it is written: it could match more than another one. */
static bool selector_channel(const struct acl_selector *s, struct slice name, bool is_pattern)
{
    if (s->all_channels) return true;
    for (size_t i = 0; i < s->channels.n; i++) {
        struct slice p = str_slice(s->channels.at[i]);
        if (is_pattern ? slice_eq(p, name) : glob_match(p, name, false)) return true;
    }
    return false;
}

static unsigned permission_of(uint32_t key_flags)
{
    unsigned need = 0;
    if (key_flags & KEY_ACCESS) need |= ACL_KEY_READ;
    if (key_flags & (KEY_INSERT | KEY_DELETE | KEY_UPDATE)) need |= ACL_KEY_WRITE;
    return need;
}

static bool keys_allowed(const struct acl_selector *s, const struct key_list *keys,
                         const struct slice *argv, int *at)
{
    for (int i = 0; i < keys->n; i++) {
        const struct key_ref *k = &keys->at[i];
        if (selector_key(s, argv[k->at], permission_of(k->flags))) continue;
        *at = k->at;
        return false;
    }
    return true;
}

static bool channels_allowed(const struct acl_selector *s, const struct command *row, int argc,
                             const struct slice *argv, int *at)
{
    for (int i = 0; i < KEYSPECS_MAX && row->keys[i].begin != KEYS_NONE; i++) {
        const struct keyspec *k = &row->keys[i];
        if (!(k->flags & KEY_CHANNEL)) continue;
        int last = k->last < 0 ? argc + k->last : k->first + k->last;
        int step = k->step > 0 ? k->step : 1;
        for (*at = k->first; *at <= last && *at < argc; *at += step)
            if (!selector_channel(s, argv[*at], k->flags & KEY_CHANNEL_PATTERN)) return false;
    }
    return true;
}

static enum acl_verdict selector_verdict(const struct acl_selector *s,
                                         const struct command_entry *e, int argc,
                                         const struct slice *argv, const struct key_list *keys,
                                         int *at)
{
    if (!selector_has(s, e, argc, argv) && !(e->flags & CMD_NO_AUTH)) return ACL_DENIED_COMMAND;
    if (!s->all_keys && !keys_allowed(s, keys, argv, at)) return ACL_DENIED_KEY;
    if (!s->all_channels && !channels_allowed(s, e->row, argc, argv, at)) return ACL_DENIED_CHANNEL;
    return ACL_OK;
}

/* Of several refusals the one that came furthest is told: it is about what was asked. */
enum acl_verdict acl_check(const struct acl_user *u, const struct command_entry *e, int argc,
                           const struct slice *argv, int *at)
{
    struct key_list keys;
    if (!command_keys(e->row, argc, argv, &keys)) keys.n = 0;
    enum acl_verdict worst = ACL_DENIED_COMMAND;
    *at = 0;
    for (size_t i = 0; i < u->selectors.n; i++) {
        int here = 0;
        enum acl_verdict v = selector_verdict(u->selectors.at[i], e, argc, argv, &keys, &here);
        if (v == ACL_OK) {
            worst = v;
            break;
        }
        if (v < worst || (v == worst && here <= *at)) continue;
        worst = v;
        *at = here;
    }
    key_list_free(&keys);
    return worst;
}

bool acl_check_channel(const struct acl_user *u, struct slice channel, bool is_pattern)
{
    for (size_t i = 0; i < u->selectors.n; i++)
        if (selector_channel(u->selectors.at[i], channel, is_pattern)) return true;
    return false;
}

static bool selector_reads_all(const struct acl_selector *s)
{
    for (size_t i = 0; i < s->keys.n && !s->all_keys; i++) {
        const struct acl_key_pattern *k = &s->keys.at[i];
        if (k->permission & ACL_KEY_READ && slice_eqz(str_slice(k->pattern), "*")) return true;
    }
    return s->all_keys;
}

bool acl_check_reads_all(const struct acl_user *u, const struct command_entry *e, int argc,
                         const struct slice *argv)
{
    struct key_list keys;
    if (!command_keys(e->row, argc, argv, &keys)) keys.n = 0;
    bool may = false;
    for (size_t i = 0; i < u->selectors.n && !may; i++) {
        const struct acl_selector *s = u->selectors.at[i];
        int at;
        may = selector_reads_all(s) && selector_verdict(s, e, argc, argv, &keys, &at) == ACL_OK;
    }
    key_list_free(&keys);
    return may;
}

bool acl_check_key(const struct acl_user *u, struct slice key, unsigned permission)
{
    for (size_t i = 0; i < u->selectors.n; i++)
        if (selector_key(u->selectors.at[i], key, permission)) return true;
    return false;
}

static bool same_hex(const char *a, const char *b)
{
    unsigned diff = 0;
    for (int i = 0; i < ACL_PASSWORD_HEX; i++) diff |= (unsigned char)(a[i] ^ b[i]);
    return diff == 0;
}

struct acl_user *acl_authenticate(const struct acl *a, struct slice name, struct slice password)
{
    struct acl_user *u = acl_find(a, name);
    if (!u || !u->on) return NULL;
    if (u->nopass) return u;
    char hex[ACL_PASSWORD_HEX];
    sha256_hex(password, hex);
    bool hit = false;
    for (size_t i = 0; i < u->passwords.n; i++) hit |= same_hex(hex, u->passwords.at[i].p);
    return hit ? u : NULL;
}

/* ---- changes ---- */

static bool lost_channel(void *arg, struct slice name, enum pubsub_kind kind)
{
    return !acl_check_channel(arg, name, kind == PUBSUB_PATTERN);
}

/* Who listens to what it may not hear any more is closed. */
static void drop_listeners(struct acl *a, struct acl_user *u)
{
    if (u->unrestricted) return;
    ilist_each(&a->front->clients, it, next) {
        struct client *cl = ilist_of(it, struct client, node);
        if (cl->user == u && cl->pubsub && pubsub_any(cl, lost_channel, u)) client_close_soon(cl);
    }
}

/* The user's place in memory stays: clients point to it. */
static void put_in_place(struct acl *a, struct acl_user *u, struct acl_user *changed)
{
    struct acl_user old = *u;
    *u = *changed;
    *changed = old;
    acl_user_settle(u);
    acl_user_delete(changed);
    drop_listeners(a, u);
}

/* Whose words an error is told in. */
enum rules_from { RULES_TYPED, RULES_OF_FILE };

static enum err unclosed(enum rules_from from, struct slice bad, struct errmsg *msg)
{
    if (from == RULES_OF_FILE)
        return err_set(msg, ERR_SYNTAX, "Unmatched parenthesis in selector definition");
    return err_set(msg, ERR_SYNTAX, "Unmatched parenthesis in acl selector starting at '%.*s'.",
                   SLICE_ARG(bad));
}

/* A file's rule is repeated only where it is a name that we do not know: others may be secrets. */
static enum err bad_rule(enum rules_from from, enum err e, struct slice rule, struct errmsg *msg)
{
    if (from == RULES_TYPED)
        return err_prefix(msg, e, "Error in ACL SETUSER modifier '%.*s'", SLICE_ARG(rule));
    if (e == ERR_NOTFOUND && (slice_starts(rule, "+") || slice_starts(rule, "-")))
        return err_prefix(msg, e, "Error in applying operation '%.*s'", SLICE_ARG(rule));
    return e;
}

static enum err apply_all(struct acl *a, struct acl_user *u, enum rules_from from, size_t n,
                          const struct slice *rules, struct errmsg *msg)
{
    struct slice bad = { 0 };
    size_t joined = 0;
    struct str *all = acl_join_rules(n, rules, &joined, &bad);
    if (!all) return unclosed(from, bad, msg);
    enum err e = ERR_NONE;
    for (size_t i = 0; i < joined && e == ERR_NONE; i++) {
        struct slice rule = str_slice(all[i]);
        e = acl_apply(u, a->front->registry, channels_by_default(a), rule, msg);
        if (e != ERR_NONE) bad_rule(from, e, rule, msg);
    }
    for (size_t i = 0; i < joined; i++) str_free(&all[i]);
    mem_free(all);
    return e;
}

static bool name_has_forbidden(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == 0 || (name.p[i] >= '\t' && name.p[i] <= '\r') || name.p[i] == ' ')
            return true;
    return false;
}

static struct acl_user *fresh_user(struct acl *a, struct slice name)
{
    struct acl_user *u = acl_user_new(name, a->front->registry);
    u->selectors.at[0]->all_channels = channels_by_default(a);
    return u;
}

/* `changed` takes the place of `u`, or is new, once all rules have been applied to it. */
static enum err apply_to(struct acl *a, struct acl_user *u, struct acl_user *changed,
                         enum rules_from from, size_t n, const struct slice *rules,
                         struct errmsg *msg)
{
    enum err e = apply_all(a, changed, from, n, rules, msg);
    if (e != ERR_NONE) {
        acl_user_delete(changed);
        return e;
    }
    if (u) {
        put_in_place(a, u, changed);
    } else {
        acl_user_settle(changed);
        add_user(a, changed);
    }
    return ERR_NONE;
}

static enum err check_name(struct slice name, struct errmsg *msg)
{
    if (!name_has_forbidden(name)) return ERR_NONE;
    return err_set(msg, ERR_FORMAT, "Usernames can't contain spaces or null characters");
}

enum err acl_set_user(struct acl *a, struct slice name, size_t n, const struct slice *rules,
                      struct errmsg *msg)
{
    enum err e = check_name(name, msg);
    if (e != ERR_NONE) return e;
    struct acl_user *u = acl_find(a, name);
    return apply_to(a, u, u ? acl_user_copy(u) : fresh_user(a, name), RULES_TYPED, n, rules, msg);
}

static bool is_declared(const struct acl *a, struct slice name)
{
    const struct acl_user *u = acl_find(a, name);
    return u && u->declared;
}

/* A user in a file is all that its line says: the default user, which is there before, too. */
static enum err declare(struct acl *a, enum rules_from from, size_t n, const struct slice *word,
                        struct errmsg *msg)
{
    enum err e = check_name(word[0], msg);
    if (e != ERR_NONE) return e;
    if (is_declared(a, word[0]))
        return err_set(msg, ERR_EXISTS,
                       "Duplicate user found. A user can only be defined once in config files");
    struct acl_user *u = acl_find(a, word[0]);
    struct acl_user *fresh = fresh_user(a, word[0]);
    fresh->declared = true;
    return apply_to(a, u, fresh, from, n - 1, word + 1, msg);
}

enum err acl_load_line(struct acl *a, struct slice line, struct errmsg *msg)
{
    int n = 0;
    struct slice *word = resp_split_line(line, &n);
    enum err e = ERR_SYNTAX;
    if (!word || n < 1) err_set(msg, e, "Unbalanced quotes in configuration line");
    else e = declare(a, RULES_TYPED, (size_t)n, word, msg);
    if (word && n >= 1 && e != ERR_NONE)
        err_prefix(msg, e, "Error in user declaration '%.*s'", SLICE_ARG(word[0]));
    mem_free(word);
    return e;
}

static void close_clients_of(struct acl *a, const struct acl_user *u)
{
    ilist_each(&a->front->clients, it, next) {
        struct client *cl = ilist_of(it, struct client, node);
        if (cl->user != u) continue;
        cl->user = a->def; /* it runs nothing more, but is described until it is freed */
        cl->flags &= ~(uint32_t)CLIENT_AUTHENTICATED;
        if (a->front->running == cl) client_close_after_reply(cl);
        else client_close_soon(cl);
    }
}

bool acl_delete_user(struct acl *a, struct slice name)
{
    bool found;
    size_t at = place_of(a, name, &found);
    if (!found || a->users.at[at] == a->def) return false;
    struct acl_user *u = a->users.at[at];
    vec_remove(&a->users, at);
    close_clients_of(a, u);
    acl_user_delete(u);
    return true;
}

void acl_set_requirepass(struct acl *a, struct slice password)
{
    struct registry *r = a->front->registry;
    must(acl_apply(a->def, r, false, SLICE("resetpass"), NULL) == ERR_NONE);
    struct buf rule = { 0 };
    buf_putz(&rule, password.n ? ">" : "nopass");
    buf_puts(&rule, password);
    must(acl_apply(a->def, r, false, buf_slice(&rule), NULL) == ERR_NONE);
    buf_free(&rule);
}

/* ---- the ACL file ---- */

static bool next_line(struct slice *text, struct slice *line)
{
    if (!text->n) return false;
    ptrdiff_t end = slice_find(*text, '\n', 0);
    size_t n = end < 0 ? text->n : (size_t)end;
    *line = slice_trim(slice_of(text->p, n));
    size_t taken = end < 0 ? n : n + 1;
    *text = slice_of(text->p + taken, text->n - taken);
    return true;
}

struct words {
    VEC(struct slice) list;
};

/* The words between blanks; no quotes here. */
static void split_words(struct slice line, struct words *out)
{
    vec_clear(&out->list);
    while (line.n) {
        ptrdiff_t blank = slice_find(line, ' ', 0);
        size_t n = blank < 0 ? line.n : (size_t)blank;
        if (n) vec_push(&out->list, slice_of(line.p, n));
        line = slice_of(line.p + n + (blank >= 0), line.n - n - (blank >= 0));
    }
}

/* Appends what is wrong with a line, if anything. */
static void read_user(struct acl *into, const struct words *w, const char *path, int number,
                      struct buf *errors)
{
    const struct slice *word = w->list.at;
    struct errmsg msg;
    if (w->list.n < 2 || !slice_eqz(word[0], "user"))
        buf_fmt(errors, "%s:%d should start with user keyword followed by the username. ", path,
                number);
    else if (is_declared(into, word[1]))
        buf_fmt(errors, "WARNING: Duplicate user '%.*s' found on line %d. ", SLICE_ARG(word[1]),
                number);
    else if (declare(into, RULES_OF_FILE, w->list.n - 1, word + 1, &msg) != ERR_NONE)
        buf_fmt(errors, "%s:%d: %s. ", path, number, msg.text);
}

/* Fills `into`, a second set of users with the same front, so that an error changes nothing. */
static enum err read_users(struct acl *into, struct slice text, const char *path,
                           struct errmsg *msg)
{
    struct slice line;
    struct words words = { 0 };
    struct buf errors = { 0 };
    for (int number = 1; next_line(&text, &line); number++) {
        if (!line.n || line.p[0] == '#') continue;
        split_words(line, &words);
        read_user(into, &words, path, number, &errors);
    }
    static const char end[] = "WARNING: ACL errors detected, no change to the previously active "
                              "ACL rules was performed";
    size_t room = sizeof(msg->text) - sizeof(end), n = buf_size(&errors);
    enum err e = n ? err_set(msg, ERR_FORMAT, "%.*s%s", (int)(n < room ? n : room),
                             buf_head(&errors), end)
                   : ERR_NONE;
    buf_free(&errors);
    vec_free(&words.list);
    return e;
}

static void adopt(struct acl *a, struct acl *loaded)
{
    for (size_t i = a->users.n; i-- > 0;) {
        struct acl_user *u = a->users.at[i];
        if (u != a->def && !acl_find(loaded, str_slice(u->name)))
            acl_delete_user(a, str_slice(u->name));
    }
    for (size_t i = 0; i < loaded->users.n; i++) {
        struct acl_user *fresh = loaded->users.at[i], *u = acl_find(a, str_slice(fresh->name));
        if (u) put_in_place(a, u, fresh);
        else add_user(a, fresh);
    }
    vec_clear(&loaded->users);
}

enum err acl_load_file(struct acl *a, const char *path, struct errmsg *msg)
{
    struct buf text = { 0 };
    enum err e = file_read(path, ACL_FILE_MAX, &text, msg);
    if (e != ERR_NONE) {
        buf_free(&text);
        return err_prefix(msg, e, "Error loading ACLs, opening file '%s'", path);
    }
    struct acl *loaded = acl_new(a->front);
    e = read_users(loaded, buf_slice(&text), path, msg);
    if (e == ERR_NONE) adopt(a, loaded);
    acl_delete(loaded);
    buf_free(&text);
    return e;
}

enum err acl_save_file(const struct acl *a, const char *path, struct errmsg *msg)
{
    struct buf text = { 0 };
    for (size_t i = 0; i < a->users.n; i++) {
        acl_print_user(a->users.at[i], &text);
        buf_putc(&text, '\n');
    }
    enum err e = file_replace(path, buf_slice(&text), msg);
    buf_free(&text);
    return e;
}

/* ---- what the configuration says ---- */

enum err front_set_requirepass(struct front *f, struct errmsg *msg)
{
    (void)msg;
    acl_set_requirepass(f->acl, str_slice(f->config->requirepass));
    return ERR_NONE;
}

enum err front_load_users(struct front *f, struct errmsg *msg)
{
    const struct front_config *cfg = f->config;
    if (cfg->requirepass.n) acl_set_requirepass(f->acl, str_slice(cfg->requirepass));
    if (cfg->aclfile[0] && cfg->user.text.n)
        return err_set(
            msg, ERR_REFUSED,
            "Configuring Redis with users defined in redis.conf and at the same setting "
            "an ACL file path is invalid. This setup is very likely to lead to "
            "configuration errors and security holes, please define either an ACL file or "
            "declare users directly in your redis.conf, but not both.");
    for (size_t i = 0; i < cfg->user.text.n; i++) {
        enum err e = acl_load_line(f->acl, slice_z(cfg->user.text.at[i]), msg);
        if (e != ERR_NONE) return e;
    }
    return cfg->aclfile[0] ? acl_load_file(f->acl, cfg->aclfile, msg) : ERR_NONE;
}

void front_put_users(const struct front *f, struct conf_rewrite *w)
{
    struct acl_user **user;
    struct buf line = { 0 };
    if (f->config->aclfile[0]) return;
    size_t n = acl_users(f->acl, &user);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&line);
        acl_print_user(user[i], &line);
        conf_rewrite_line(w, buf_slice(&line), true);
    }
    conf_rewrite_key(w, "user");
    buf_free(&line);
}
