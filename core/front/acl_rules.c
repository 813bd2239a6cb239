/* acl_rules: one user, its selectors, and the language of rules. The contract stands in acl.h.
 * Rules are applied to a copy; the caller puts it in place when all of them were good. */
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "core/front/acl.h"
#include "core/front/docs.h"

/* ---- selectors ---- */

static void set_base(struct acl_selector *s, bool all);

static struct acl_selector *selector_new(bool all_channels)
{
    struct acl_selector *s = mem_zalloc(sizeof(*s));
    s->all_channels = all_channels;
    set_base(s, false);
    return s;
}

static void clear_keys(struct acl_selector *s)
{
    for (size_t i = 0; i < s->keys.n; i++) str_free(&s->keys.at[i].pattern);
    vec_clear(&s->keys);
    s->all_keys = false;
}

static void clear_channels(struct acl_selector *s)
{
    for (size_t i = 0; i < s->channels.n; i++) str_free(&s->channels.at[i]);
    vec_clear(&s->channels);
    s->all_channels = false;
}

static void clear_first_args(struct acl_selector *s, int id)
{
    for (size_t i = s->first_args.n; i-- > 0;) {
        if (id >= 0 && s->first_args.at[i].id != id) continue;
        str_free(&s->first_args.at[i].word);
        vec_remove(&s->first_args, i);
    }
}

static void clear_rules(struct acl_selector *s)
{
    for (size_t i = 0; i < s->rules.n; i++) str_free(&s->rules.at[i]);
    vec_clear(&s->rules);
}

static void selector_delete(struct acl_selector *s)
{
    clear_keys(s);
    clear_channels(s);
    clear_first_args(s, -1);
    clear_rules(s);
    vec_free(&s->keys);
    vec_free(&s->channels);
    vec_free(&s->first_args);
    vec_free(&s->rules);
    mem_free(s->commands);
    mem_free(s);
}

static struct acl_selector *selector_copy(const struct acl_selector *from)
{
    struct acl_selector *s = mem_zalloc(sizeof(*s));
    s->all_commands = from->all_commands;
    s->all_keys = from->all_keys;
    s->all_channels = from->all_channels;
    s->words = from->words;
    if (s->words) {
        s->commands = mem_alloc(s->words * sizeof(uint64_t));
        memcpy(s->commands, from->commands, s->words * sizeof(uint64_t));
    }
    for (size_t i = 0; i < from->keys.n; i++) {
        struct acl_key_pattern p = from->keys.at[i];
        p.pattern = str_new(str_slice(p.pattern));
        vec_push(&s->keys, p);
    }
    for (size_t i = 0; i < from->channels.n; i++)
        vec_push(&s->channels, str_new(str_slice(from->channels.at[i])));
    for (size_t i = 0; i < from->first_args.n; i++) {
        struct acl_first_arg f = from->first_args.at[i];
        f.word = str_new(str_slice(f.word));
        vec_push(&s->first_args, f);
    }
    for (size_t i = 0; i < from->rules.n; i++)
        vec_push(&s->rules, str_new(str_slice(from->rules.at[i])));
    return s;
}

/* ---- bits of commands ---- */

static void set_bit(struct acl_selector *s, int id, bool on)
{
    size_t word = (size_t)id / 64;
    if (word >= s->words) {
        if (!on) return;
        s->commands = mem_realloc(s->commands, (word + 1) * sizeof(uint64_t));
        memset(s->commands + s->words, 0, (word + 1 - s->words) * sizeof(uint64_t));
        s->words = word + 1;
    }
    uint64_t bit = (uint64_t)1 << (id % 64);
    if (on) s->commands[word] |= bit;
    else s->commands[word] &= ~bit;
}

static void set_base(struct acl_selector *s, bool all)
{
    if (s->words) memset(s->commands, 0, s->words * sizeof(uint64_t));
    s->all_commands = all;
    clear_first_args(s, -1);
    clear_rules(s);
    vec_push(&s->rules, str_z(all ? "+@all" : "-@all"));
}

/* "All, also those to come" ends with the first command that is taken away. */
static void spell_out(struct acl_selector *s, const struct registry *r)
{
    if (!s->all_commands) return;
    s->all_commands = false;
    for (int id = 0; id < registry_ids(r); id++) set_bit(s, id, true);
}

static void set_tree(struct acl_selector *s, const struct command_entry *e, bool on)
{
    set_bit(s, e->id, on);
    clear_first_args(s, e->id);
    for (int i = 0; i < e->subs_n; i++) set_tree(s, &e->subs[i], on);
}

/* A later rule of the same name makes an earlier one void; a command covers its sub-commands. */
static void note_rule(struct acl_selector *s, bool plus, struct slice name)
{
    for (size_t i = s->rules.n; i-- > 1;) {
        struct slice old = slice_of(s->rules.at[i].p + 1, s->rules.at[i].n - 1);
        bool covered =
            old.n > name.n && slice_eq(slice_of(old.p, name.n), name) && old.p[name.n] == '|';
        if (!slice_eq(old, name) && !covered) continue;
        str_free(&s->rules.at[i]);
        vec_remove(&s->rules, i);
    }
    vec_push(&s->rules, str_fmt("%c%.*s", plus ? '+' : '-', SLICE_ARG(name)));
}

static bool apply_category(struct acl_selector *s, const struct registry *r, bool plus,
                           struct slice name)
{
    if (slice_ieqz(name, "all")) {
        set_base(s, plus);
        return true;
    }
    uint32_t category = 0;
    for (int bit = 0; acl_category_name(bit); bit++)
        if (slice_ieqz(name, acl_category_name(bit))) category = 1u << bit;
    if (!category) return false;
    if (!plus) spell_out(s, r);
    for (int id = 0; id < registry_ids(r); id++) {
        const struct command_entry *e = registry_by_id(r, id);
        if (!(e->categories & category)) continue;
        set_bit(s, id, plus);
        clear_first_args(s, id);
    }
    char text[64];
    slice_cstr(name, text + 1, sizeof(text) - 1);
    text[0] = '@';
    note_rule(s, plus, slice_z(text));
    return true;
}

static const char unknown_command[] = "Unknown command or category name in ACL";

/* +get|word: a first argument of a command that has no sub-commands. */
static enum err apply_first_arg(struct acl_selector *s, const struct registry *r, struct slice name,
                                struct errmsg *msg)
{
    size_t bar = name.n - 1;
    while (name.p[bar] != '|') bar--;
    struct slice word = slice_of(name.p + bar + 1, name.n - bar - 1);
    const struct command_entry *e = registry_find_name(r, slice_of(name.p, bar));
    if (!e || !word.n) return err_set(msg, ERR_NOTFOUND, unknown_command);
    if (e->parent)
        return err_set(msg, ERR_REFUSED, "Allowing first-arg of a subcommand is not supported");
    if (e->subs) return err_set(msg, ERR_NOTFOUND, unknown_command);
    struct acl_first_arg f = { .id = e->id, .word = str_new(word) };
    vec_push(&s->first_args, f);
    note_rule(s, true, name);
    return ERR_NONE;
}

static enum err apply_command(struct acl_selector *s, const struct registry *r, bool plus,
                              struct slice name, struct errmsg *msg)
{
    if (name.n && name.p[0] == '@') {
        if (apply_category(s, r, plus, slice_of(name.p + 1, name.n - 1))) return ERR_NONE;
        return err_set(msg, ERR_NOTFOUND, unknown_command);
    }
    const struct command_entry *e = registry_find_name(r, name);
    if (!e && plus && slice_find(name, '|', 0) > 0) return apply_first_arg(s, r, name, msg);
    if (!e) return err_set(msg, ERR_NOTFOUND, unknown_command);
    if (!plus) spell_out(s, r);
    set_tree(s, e, plus);
    note_rule(s, plus, slice_z(e->fullname));
    return ERR_NONE;
}

/* ---- keys and channels ---- */

static bool is_star(struct slice s) { return s.n == 1 && s.p[0] == '*'; }

static enum err add_key(struct acl_selector *s, struct slice pattern, unsigned permission,
                        struct errmsg *msg)
{
    if (s->all_keys && is_star(pattern) && permission == ACL_KEY_BOTH) return ERR_NONE;
    if (s->all_keys)
        return err_set(msg, ERR_EXISTS,
                       "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid "
                       "and does not have any effect. Try 'resetkeys' to start with an empty list "
                       "of patterns");
    if (is_star(pattern) && permission == ACL_KEY_BOTH) {
        clear_keys(s);
        s->all_keys = true;
        return ERR_NONE;
    }
    for (size_t i = 0; i < s->keys.n; i++) {
        if (!slice_eq(str_slice(s->keys.at[i].pattern), pattern)) continue;
        s->keys.at[i].permission |= permission;
        return ERR_NONE;
    }
    struct acl_key_pattern p = { str_new(pattern), permission };
    vec_push(&s->keys, p);
    return ERR_NONE;
}

/* %R~pattern, %W~pattern, %RW~pattern */
static enum err add_key_with(struct acl_selector *s, struct slice rule, struct errmsg *msg)
{
    unsigned permission = 0;
    size_t i = 1;
    if (s->all_keys) return add_key(s, SLICE(""), ACL_KEY_READ, msg); /* has its own error */
    for (; i < rule.n && rule.p[i] != '~'; i++) {
        char ch = rule.p[i];
        if (ch == 'R' || ch == 'r') permission |= ACL_KEY_READ;
        else if (ch == 'W' || ch == 'w') permission |= ACL_KEY_WRITE;
        else return err_set(msg, ERR_SYNTAX, "Syntax error");
    }
    if (!permission || i == rule.n) return err_set(msg, ERR_SYNTAX, "Syntax error");
    return add_key(s, slice_of(rule.p + i + 1, rule.n - i - 1), permission, msg);
}

static enum err add_channel(struct acl_selector *s, struct slice pattern, struct errmsg *msg)
{
    if (s->all_channels && is_star(pattern)) return ERR_NONE;
    if (s->all_channels)
        return err_set(msg, ERR_EXISTS,
                       "Adding a pattern after the * pattern (or the 'allchannels' flag) is not "
                       "valid and does not have any effect. Try 'resetchannels' to start with an "
                       "empty list of channels");
    if (is_star(pattern)) {
        clear_channels(s);
        s->all_channels = true;
        return ERR_NONE;
    }
    for (size_t i = 0; i < s->channels.n; i++)
        if (slice_eq(str_slice(s->channels.at[i]), pattern)) return ERR_NONE;
    vec_push(&s->channels, str_new(pattern));
    return ERR_NONE;
}

static bool has_forbidden_bytes(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || s.p[i] == ' ') return true;
    return false;
}

/* A rule about commands, keys or channels, of the root or inside ( ). */
static enum err apply_to_selector(struct acl_selector *s, const struct registry *r,
                                  struct slice rule, struct errmsg *msg)
{
    if (slice_ieqz(rule, "allkeys")) return add_key(s, SLICE("*"), ACL_KEY_BOTH, msg);
    if (slice_ieqz(rule, "resetkeys")) clear_keys(s);
    else if (slice_ieqz(rule, "resetchannels")) clear_channels(s);
    else if (slice_ieqz(rule, "allchannels")) {
        clear_channels(s);
        s->all_channels = true;
    } else if (slice_ieqz(rule, "allcommands")) set_base(s, true);
    else if (slice_ieqz(rule, "nocommands")) set_base(s, false);
    else {
        struct slice rest = slice_of(rule.p + 1, rule.n ? rule.n - 1 : 0);
        char first = rule.n ? rule.p[0] : 0;
        if (first == '~' && (s->all_keys || !has_forbidden_bytes(rest)))
            return add_key(s, rest, ACL_KEY_BOTH, msg);
        if (first == '%' && !has_forbidden_bytes(rest)) return add_key_with(s, rule, msg);
        if (first == '&' && (s->all_channels || !has_forbidden_bytes(rest)))
            return add_channel(s, rest, msg);
        if (first == '+' || first == '-') return apply_command(s, r, first == '+', rest, msg);
        return err_set(msg, ERR_SYNTAX, "Syntax error");
    }
    return ERR_NONE;
}

/* ---- passwords ---- */

static ptrdiff_t password_at(const struct acl_user *u, struct slice hex)
{
    for (size_t i = 0; i < u->passwords.n; i++)
        if (slice_eq(str_slice(u->passwords.at[i]), hex)) return (ptrdiff_t)i;
    return -1;
}

static void clear_passwords(struct acl_user *u)
{
    for (size_t i = 0; i < u->passwords.n; i++) str_free(&u->passwords.at[i]);
    vec_clear(&u->passwords);
    u->nopass = false;
}

static bool is_hash(struct slice s)
{
    if (s.n != ACL_PASSWORD_HEX) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f'))) return false;
    return true;
}

/* >text #hash add, <text !hash remove. */
static enum err apply_password(struct acl_user *u, struct slice rule, struct errmsg *msg)
{
    char digest[ACL_PASSWORD_HEX];
    struct slice rest = slice_of(rule.p + 1, rule.n - 1), hex = rest;
    bool add = rule.p[0] == '>' || rule.p[0] == '#';
    if (rule.p[0] == '>' || rule.p[0] == '<') {
        sha256_hex(rest, digest);
        hex = slice_of(digest, sizeof(digest));
    } else if (!is_hash(rest)) {
        return err_set(msg, ERR_FORMAT,
                       "The password hash must be exactly 64 characters and contain only lowercase "
                       "hexadecimal characters");
    }
    ptrdiff_t at = password_at(u, hex);
    if (!add && at < 0)
        return err_set(msg, ERR_NOTFOUND,
                       "The password you are trying to remove from the user does not exist");
    if (!add) {
        str_free(&u->passwords.at[at]);
        vec_remove(&u->passwords, (size_t)at);
        return ERR_NONE;
    }
    if (at < 0) vec_push(&u->passwords, str_new(hex));
    u->nopass = false;
    return ERR_NONE;
}

/* ---- users ---- */

static void clear_selectors(struct acl_user *u, size_t keep)
{
    while (u->selectors.n > keep) selector_delete(vec_pop(&u->selectors));
}

struct acl_user *acl_user_new(struct slice name, const struct registry *r)
{
    (void)r;
    struct acl_user *u = mem_zalloc(sizeof(*u));
    u->name = str_new(name);
    vec_push(&u->selectors, selector_new(false));
    return u;
}

void acl_user_delete(struct acl_user *u)
{
    clear_selectors(u, 0);
    clear_passwords(u);
    vec_free(&u->selectors);
    vec_free(&u->passwords);
    str_free(&u->name);
    mem_free(u);
}

struct acl_user *acl_user_copy(const struct acl_user *from)
{
    struct acl_user *u = mem_zalloc(sizeof(*u));
    *u = (struct acl_user){ .name = str_new(str_slice(from->name)),
                            .on = from->on,
                            .nopass = from->nopass,
                            .sanitize_payload = from->sanitize_payload,
                            .skip_sanitize_payload = from->skip_sanitize_payload };
    for (size_t i = 0; i < from->passwords.n; i++)
        vec_push(&u->passwords, str_new(str_slice(from->passwords.at[i])));
    for (size_t i = 0; i < from->selectors.n; i++)
        vec_push(&u->selectors, selector_copy(from->selectors.at[i]));
    acl_user_settle(u);
    return u;
}

void acl_user_settle(struct acl_user *u)
{
    const struct acl_selector *root = u->selectors.at[0];
    u->unrestricted = root->all_commands && root->all_keys && root->all_channels;
}

/* "(~a +get)": the words between the parentheses build a selector of their own. */
static enum err apply_selector(struct acl_user *u, const struct registry *r, bool channels,
                               struct slice rule, struct errmsg *msg)
{
    struct acl_selector *s = selector_new(channels);
    enum err e = ERR_NONE;
    size_t i = 1, end = rule.n - 1;
    while (i < end && e == ERR_NONE) {
        while (i < end && rule.p[i] == ' ') i++;
        size_t from = i;
        while (i < end && rule.p[i] != ' ') i++;
        if (i > from) e = apply_to_selector(s, r, slice_of(rule.p + from, i - from), msg);
    }
    if (e == ERR_NONE) vec_push(&u->selectors, s);
    else selector_delete(s);
    return e;
}

static void reset_user(struct acl_user *u, bool channels)
{
    clear_passwords(u);
    clear_selectors(u, 0);
    vec_push(&u->selectors, selector_new(channels));
    u->on = false;
    u->sanitize_payload = true;
    u->skip_sanitize_payload = false;
}

enum err acl_apply(struct acl_user *u, const struct registry *r, bool channels_by_default,
                   struct slice rule, struct errmsg *msg)
{
    if (!rule.n) return ERR_NONE;
    if (slice_ieqz(rule, "on")) u->on = true;
    else if (slice_ieqz(rule, "off")) u->on = false;
    else if (slice_ieqz(rule, "resetpass")) clear_passwords(u);
    else if (slice_ieqz(rule, "clearselectors")) clear_selectors(u, 1);
    else if (slice_ieqz(rule, "reset")) reset_user(u, channels_by_default);
    else if (slice_ieqz(rule, "nopass")) {
        clear_passwords(u);
        u->nopass = true;
    } else if (slice_ieqz(rule, "sanitize-payload")) {
        u->sanitize_payload = true;
        u->skip_sanitize_payload = false;
    } else if (slice_ieqz(rule, "skip-sanitize-payload")) {
        u->skip_sanitize_payload = true;
        u->sanitize_payload = false;
    } else if (rule.n && strchr("<>#!", rule.p[0]) && rule.p[0]) {
        return apply_password(u, rule, msg);
    } else if (rule.n > 1 && rule.p[0] == '(' && rule.p[rule.n - 1] == ')') {
        return apply_selector(u, r, channels_by_default, rule, msg);
    } else {
        return apply_to_selector(u->selectors.at[0], r, rule, msg);
    }
    return ERR_NONE;
}

struct str *acl_join_rules(size_t n, const struct slice *rules, size_t *joined, struct slice *bad)
{
    struct str *out = mem_zalloc((n + 1) * sizeof(*out));
    *joined = 0;
    for (size_t i = 0; i < n; i++) {
        struct slice rule = rules[i];
        bool open = rule.n && rule.p[0] == '(' && rule.p[rule.n - 1] != ')';
        struct buf whole = { 0 };
        buf_puts(&whole, rule);
        while (open && i + 1 < n) {
            struct slice next = rules[++i];
            bool closes = next.n && next.p[next.n - 1] == ')';
            if (!closes && next.n && next.p[0] == '(') { /* what was open is forgotten */
                buf_clear(&whole);
                rule = next;
            } else {
                buf_putc(&whole, ' ');
            }
            buf_puts(&whole, next);
            open = !closes;
        }
        if (!open) out[(*joined)++] = str_new(buf_slice(&whole));
        buf_free(&whole);
        if (!open) continue;
        *bad = rule;
        for (size_t k = 0; k < *joined; k++) str_free(&out[k]);
        mem_free(out);
        return NULL;
    }
    return out;
}

/* ---- print ---- */

void acl_print_commands(const struct acl_selector *s, struct buf *out)
{
    for (size_t i = 0; i < s->rules.n; i++) {
        if (i) buf_putc(out, ' ');
        buf_puts(out, str_slice(s->rules.at[i]));
    }
}

void acl_print_keys(const struct acl_selector *s, struct buf *out)
{
    if (s->all_keys) buf_putz(out, "~*");
    for (size_t i = 0; i < s->keys.n; i++) {
        const struct acl_key_pattern *k = &s->keys.at[i];
        if (i) buf_putc(out, ' ');
        if (k->permission == ACL_KEY_READ) buf_putz(out, "%R~");
        else if (k->permission == ACL_KEY_WRITE) buf_putz(out, "%W~");
        else buf_putc(out, '~');
        buf_puts(out, str_slice(k->pattern));
    }
}

void acl_print_channels(const struct acl_selector *s, struct buf *out)
{
    if (s->all_channels) buf_putz(out, "&*");
    for (size_t i = 0; i < s->channels.n; i++) {
        buf_fmt(out, "%s&", i ? " " : "");
        buf_puts(out, str_slice(s->channels.at[i]));
    }
}

static void print_selector(const struct acl_selector *s, struct buf *out)
{
    acl_print_keys(s, out);
    if (s->all_keys || s->keys.n) buf_putc(out, ' ');
    if (!s->all_channels) buf_putz(out, "resetchannels ");
    acl_print_channels(s, out);
    if (s->all_channels || s->channels.n) buf_putc(out, ' ');
    acl_print_commands(s, out);
}

void acl_print_user(const struct acl_user *u, struct buf *out)
{
    buf_putz(out, "user ");
    buf_puts(out, str_slice(u->name));
    buf_putz(out, u->on ? " on" : " off");
    if (u->nopass) buf_putz(out, " nopass");
    if (u->skip_sanitize_payload) buf_putz(out, " skip-sanitize-payload");
    if (u->sanitize_payload) buf_putz(out, " sanitize-payload");
    for (size_t i = 0; i < u->passwords.n; i++) {
        buf_putz(out, " #");
        buf_puts(out, str_slice(u->passwords.at[i]));
    }
    for (size_t i = 0; i < u->selectors.n; i++) {
        buf_putz(out, i ? " (" : " ");
        print_selector(u->selectors.at[i], out);
        if (i) buf_putc(out, ')');
    }
}
