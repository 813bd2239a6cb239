/* Geography: sorted sets whose scores are places (core/types/geohash.h). Shared rules:
 *   - what is found is ordered only if that was asked for, or if it is to be cut by COUNT;
 *   - GEOADD is ZADD in the stream, as it is in its work. */
#include <stdio.h>
#include <stdlib.h>

#include <math.h>

#include "core/base/mem.h"
#include "core/base/vec.h"
#include "core/types/geohash.h"
#include "server/cmd/families.h"
#include "server/cmd/zset.h"

/* ---- arguments ---- */

static bool place_arg(struct call *c, int at, struct geo_point *p)
{
    if (!arg_double(c, at, &p->lon) || !arg_double(c, at + 1, &p->lat)) return false;
    if (geo_valid(*p)) return true;
    reply_error_fmt(c, "-ERR invalid longitude,latitude pair %f,%f", p->lon, p->lat);
    return false;
}

static bool unit_arg(struct call *c, int at, double *metres)
{
    static const struct {
        const char *word;
        double metres;
    } units[] = { { "M", 1 }, { "KM", 1000 }, { "FT", 0.3048 }, { "MI", 1609.34 } };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!arg_is(c, at, units[i].word)) continue;
        *metres = units[i].metres;
        return true;
    }
    reply_error(c, "-ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

static bool length_arg(struct call *c, int at, double *v, const char *error)
{
    if (num_to_double(c->argv[at], v)) return true;
    reply_error(c, error);
    return false;
}

static bool radius_arg(struct call *c, int at, struct geo_shape *s)
{
    if (!length_arg(c, at, &s->radius, "-ERR need numeric radius")) return false;
    if (s->radius >= 0) return unit_arg(c, at + 1, &s->unit);
    reply_error(c, "-ERR radius cannot be negative");
    return false;
}

static bool box_arg(struct call *c, int at, struct geo_shape *s)
{
    s->box = true;
    if (!length_arg(c, at, &s->width, "-ERR need numeric width") ||
        !length_arg(c, at + 1, &s->height, "-ERR need numeric height"))
        return false;
    if (s->width >= 0 && s->height >= 0) return unit_arg(c, at + 2, &s->unit);
    reply_error(c, "-ERR height or width cannot be negative");
    return false;
}

static bool member_place(const struct entry *e, struct slice member, struct geo_point *p)
{
    double score;
    if (!e || !zset_score(e, member, &score)) return false;
    *p = geo_place(score);
    return true;
}

static bool member_arg(struct call *c, const struct entry *e, int at, struct geo_point *p)
{
    if (member_place(e, c->argv[at], p)) return true;
    reply_error(c, "-ERR could not decode requested zset member");
    return false;
}

/* ---- GEOADD ---- */

static bool add_words(struct call *c, int first, int n, struct slice *words, char *digits)
{
    words[0] = SLICE("zadd");
    for (int i = 1; i < first; i++) words[i] = c->argv[i];
    for (int i = 0; i < n; i++, digits += NUM_I64_MAX) {
        struct geo_point p;
        if (!place_arg(c, first + i * 3, &p)) return false;
        words[first + i * 2] = slice_of(digits, num_from_u64(digits, geo_score(p)));
        words[first + i * 2 + 1] = c->argv[first + i * 3 + 2];
    }
    return true;
}

/* The same call with ZADD's words. */
static void add_as_zadd(struct call *c, int argc, const struct slice *words)
{
    const struct slice *as_given = c->argv;
    int given = c->argc;
    c->argv = words;
    c->argc = argc;
    zset_add_command(c, 0);
    c->argv = as_given;
    c->argc = given;
    if (c->changed) call_replace(c, argc, words);
}

static void cmd_geoadd(struct call *c)
{
    int first = 2;
    bool nx = false, xx = false;
    for (; first < c->argc; first++) {
        if (arg_is(c, first, "NX"))
            nx = true;
        else if (arg_is(c, first, "XX"))
            xx = true;
        else if (!arg_is(c, first, "CH"))
            break;
    }
    if ((c->argc - first) % 3 || (nx && xx)) {
        reply_syntax_error(c);
        return;
    }
    int n = (c->argc - first) / 3, argc = first + n * 2;
    struct slice *words = mem_alloc((size_t)argc * sizeof(*words));
    char *digits = mem_alloc((size_t)n * NUM_I64_MAX + 1);
    if (add_words(c, first, n, words, digits)) add_as_zadd(c, argc, words);
    mem_free(digits);
    mem_free(words);
}

/* ---- one place ---- */

/* Four decimals, a half of the scaled number to the even one: that is where Redis' own printing and
 * printf's differ. */
static void reply_metres(struct call *c, double v)
{
    double scaled = v * 10000;
    if (scaled >= 9e18) {
        reply_bulk_fmt(c, "%.4f", v);
        return;
    }
    long long n = llrint(scaled);
    reply_bulk_fmt(c, "%lld.%04lld", n / 10000, n % 10000);
}

/* A coordinate: 17 decimals without trailing zeros; a double in RESP3. */
static void reply_degrees(struct call *c, double v)
{
    char text[NUM_LDOUBLE_MAX + 4] = ",";
    if (c->client->resp == 2) {
        reply_ldouble(c, (long double)v);
        return;
    }
    size_t n = 1 + num_from_ldouble(text + 1, (long double)v);
    memcpy(text + n, "\r\n", 2);
    reply_raw(c, slice_of(text, n + 2));
}

static void reply_place(struct call *c, struct geo_point p)
{
    reply_array(c, 2);
    reply_degrees(c, p.lon);
    reply_degrees(c, p.lat);
}

static void cmd_geopos(struct call *c)
{
    struct value v;
    struct geo_point p;
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (member_place(v.e, c->argv[i], &p))
            reply_place(c, p);
        else
            reply_null_array(c);
    }
}

static void cmd_geohash(struct call *c)
{
    struct value v;
    struct geo_point p;
    char text[GEO_TEXT];
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (member_place(v.e, c->argv[i], &p)) {
            geo_text(p, text);
            reply_bulk(c, slice_of(text, GEO_TEXT));
        } else {
            reply_null(c);
        }
    }
}

static void cmd_geodist(struct call *c)
{
    struct value v;
    struct geo_point a, b;
    double unit = 1;
    if (c->argc > 5) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc == 5 && !unit_arg(c, 4, &unit)) return;
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    if (member_place(v.e, c->argv[2], &a) && member_place(v.e, c->argv[3], &b))
        reply_metres(c, geo_distance(a, b) / unit);
    else
        reply_null(c);
}

/* ---- searches: arguments ---- */

enum form {
    FORM_SEARCH = 1, /* GEOSEARCH and GEOSEARCHSTORE: the shape is among the options */
    FORM_STORE = 2,  /* GEOSEARCHSTORE */
    FORM_MEMBER = 4, /* GEORADIUSBYMEMBER */
    FORM_READ = 8,   /* _RO */
};
enum order { ORDER_NONE, ORDER_ASC, ORDER_DESC };

struct search {
    unsigned form;
    int key, store; /* arguments; store 0: the result is replied */
    const struct entry *e;
    struct geo_shape shape;
    bool middle, shaped; /* FROM... and BY... were given */
    bool from_member, from_place;
    bool with_distance, with_hash, with_place;
    bool store_distance, any;
    int64_t count; /* 0: all */
    enum order order;
};

static bool take_flag(const struct call *c, int at, struct search *s)
{
    const struct {
        const char *word;
        bool *flag;
    } flags[] = { { "WITHDIST", &s->with_distance }, { "WITHHASH", &s->with_hash },
                  { "WITHCOORD", &s->with_place },   { "ANY", &s->any } };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!arg_is(c, at, flags[i].word)) continue;
        *flags[i].flag = true;
        return true;
    }
    if (arg_is(c, at, "ASC"))
        s->order = ORDER_ASC;
    else if (arg_is(c, at, "DESC"))
        s->order = ORDER_DESC;
    else
        return false;
    return true;
}

enum taken { TAKEN_NOT, TAKEN_BAD, TAKEN };

static enum taken taken(bool ok) { return ok ? TAKEN : TAKEN_BAD; }

static enum taken take_count(struct call *c, int *at, struct search *s)
{
    if (!arg_int(c, ++*at, &s->count)) return TAKEN_BAD;
    if (s->count > 0) return TAKEN;
    reply_error(c, "-ERR COUNT must be > 0");
    return TAKEN_BAD;
}

/* FROMMEMBER, FROMLONLAT, BYRADIUS, BYBOX of GEOSEARCH. */
static enum taken take_shape(struct call *c, int *at, struct search *s)
{
    int i = *at, left = c->argc - i - 1;
    if (left >= 1 && !s->from_place && arg_is(c, i, "FROMMEMBER")) {
        *at += 1;
        s->middle = s->from_member = true;
        return taken(!s->e || member_arg(c, s->e, i + 1, &s->shape.at));
    }
    if (left >= 2 && !s->from_member && arg_is(c, i, "FROMLONLAT")) {
        *at += 2;
        s->middle = s->from_place = true;
        return taken(place_arg(c, i + 1, &s->shape.at));
    }
    if (left >= 2 && !s->shape.box && arg_is(c, i, "BYRADIUS")) {
        *at += 2;
        s->shaped = true;
        return taken(radius_arg(c, i + 1, &s->shape));
    }
    if (left >= 3 && !(s->shaped && !s->shape.box) && arg_is(c, i, "BYBOX")) {
        *at += 3;
        s->shaped = true;
        return taken(box_arg(c, i + 1, &s->shape));
    }
    return TAKEN_NOT;
}

/* STORE and STOREDIST with a key, where the command has them. */
static enum taken take_store(struct call *c, int *at, struct search *s)
{
    bool distance = arg_is(c, *at, "STOREDIST");
    if ((s->form & FORM_STORE) && distance) {
        s->store_distance = true;
        return TAKEN;
    }
    if (s->form & (FORM_SEARCH | FORM_READ)) return TAKEN_NOT;
    if (*at + 1 >= c->argc || !(distance || arg_is(c, *at, "STORE"))) return TAKEN_NOT;
    s->store = ++*at;
    s->store_distance = distance;
    return TAKEN;
}

static enum taken take_option(struct call *c, int *at, struct search *s)
{
    if (take_flag(c, *at, s)) return TAKEN;
    if (arg_is(c, *at, "COUNT") && *at + 1 < c->argc) return take_count(c, at, s);
    enum taken t = take_store(c, at, s);
    if (t == TAKEN_NOT && s->form & FORM_SEARCH) t = take_shape(c, at, s);
    return t;
}

static const char *conflict(const struct search *s)
{
    bool with = s->with_distance || s->with_hash || s->with_place;
    if (s->store && with)
        return s->form & FORM_STORE ? "GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH "
                                      "and WITHCOORD options"
                                    : "STORE option in GEORADIUS is not compatible with WITHDIST, "
                                      "WITHHASH and WITHCOORD options";
    if ((s->form & FORM_SEARCH) && !s->middle)
        return "exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s";
    if ((s->form & FORM_SEARCH) && !s->shaped)
        return "exactly one of BYRADIUS and BYBOX can be specified for %.*s";
    if (s->any && !s->count) return "the ANY argument requires COUNT argument";
    return NULL;
}

static void reply_conflict(struct call *c, const char *text)
{
    char whole[256];
    const char *name = strstr(text, "%.*s");
    size_t n = name ? (size_t)(name - text) : strlen(text);
    int shown = name && c->argv[0].n < 64 ? (int)c->argv[0].n : 0;
    snprintf(whole, sizeof(whole), "%.*s%.*s", (int)n, text, shown, c->argv[0].p);
    reply_error(c, whole);
}

static bool take_options(struct call *c, int from, struct search *s)
{
    for (int i = from; i < c->argc; i++) {
        enum taken t = take_option(c, &i, s);
        if (t == TAKEN_NOT) reply_syntax_error(c);
        if (t != TAKEN) return false;
    }
    const char *text = conflict(s);
    if (text) reply_conflict(c, text);
    return !text;
}

/* Middle and radius stand at fixed places in the older commands. Gives where options begin, 0 after
 * an error. Without a key GEORADIUSBYMEMBER looks at neither. */
static int take_fixed(struct call *c, struct search *s)
{
    if (s->form & FORM_SEARCH) return s->key + 1;
    if (s->form & FORM_MEMBER) {
        if (!s->e) return 5;
        bool ok = member_arg(c, s->e, 2, &s->shape.at) && radius_arg(c, 3, &s->shape);
        return ok ? 5 : 0;
    }
    return place_arg(c, 2, &s->shape.at) && radius_arg(c, 4, &s->shape) ? 6 : 0;
}

/* ---- searches: work ---- */

struct found {
    struct str member;
    double score, metres;
    struct geo_point at;
};

struct findings {
    VEC(struct found) list;
};

static bool is_full(const struct search *s, const struct findings *f)
{
    return s->any && f->list.n >= (uint64_t)s->count;
}

static void search_area(const struct search *s, struct geo_hash h, struct findings *f)
{
    struct zset_scores r = { .max_open = true };
    struct zset_iter it;
    struct zset_item item;
    geo_scores(h, &r.min, &r.max);
    struct zset_span span = zset_by_score(s->e, &r);
    zset_iter_start(&it, s->e, span.start, false);
    for (size_t i = 0; i < span.n && !is_full(s, f) && zset_iter_next(&it, &item); i++) {
        struct found x = { .score = item.score, .at = geo_place(item.score) };
        if (!geo_within(&s->shape, x.at, &x.metres)) continue;
        x.member = str_new(item.member);
        vec_push(&f->list, x);
    }
}

/* Areas may be the same where they are huge: one that was just searched is left out. */
static void search_all(const struct search *s, struct findings *f)
{
    struct geo_hash areas[GEO_AREAS];
    int last = 0;
    geo_cover(&s->shape, areas);
    for (int i = 0; i < GEO_AREAS && !is_full(s, f); i++) {
        if (!areas[i].step) continue;
        if (last && areas[i].bits == areas[last].bits && areas[i].step == areas[last].step)
            continue;
        search_area(s, areas[i], f);
        last = i;
    }
}

static int nearer(const void *a, const void *b)
{
    double x = ((const struct found *)a)->metres, y = ((const struct found *)b)->metres;
    return x > y ? 1 : x == y ? 0 : -1;
}

static int farther(const void *a, const void *b) { return -nearer(a, b); }

static void reply_found(struct call *c, const struct search *s, const struct found *x)
{
    size_t more = (size_t)s->with_distance + s->with_hash + s->with_place;
    if (more) reply_array(c, more + 1);
    reply_bulk(c, str_slice(x->member));
    if (s->with_distance) reply_metres(c, x->metres / s->shape.unit);
    if (s->with_hash) reply_int(c, (int64_t)x->score);
    if (s->with_place) reply_place(c, x->at);
}

static void store_found(struct call *c, const struct search *s, const struct findings *f, size_t n)
{
    struct value v = { .e = zset_result(c, s->store) };
    for (size_t i = 0; i < n; i++) {
        const struct found *x = &f->list.at[i];
        double score = s->store_distance ? x->metres / s->shape.unit : x->score;
        zset_add(&v, score, str_slice(x->member), 0, NULL, limits_of(c));
    }
    zset_store(c, s->store, v.e, s->form & FORM_SEARCH ? "geosearchstore" : "georadiusstore");
    if (n) c->changed += (int64_t)n - 1;
}

static void give_findings(struct call *c, const struct search *s, struct findings *f)
{
    enum order order = s->order;
    if (order == ORDER_NONE && s->count && !s->any) order = ORDER_ASC;
    if (order != ORDER_NONE && f->list.n)
        qsort(f->list.at, f->list.n, sizeof(f->list.at[0]), order == ORDER_ASC ? nearer : farther);
    size_t n = f->list.n;
    if (s->count && (uint64_t)s->count < n) n = (size_t)s->count;
    if (s->store) {
        store_found(c, s, f, n);
    } else {
        reply_array(c, n);
        for (size_t i = 0; i < n; i++) reply_found(c, s, &f->list.at[i]);
    }
    for (size_t i = 0; i < f->list.n; i++) str_free(&f->list.at[i].member);
    vec_free(&f->list);
}

static void search(struct call *c, unsigned form)
{
    struct search s = { .form = form, .key = form & FORM_STORE ? 2 : 1 };
    struct findings f = { 0 };
    struct value v;
    if (form & FORM_STORE) s.store = 1;
    if (!keyed_read(c, s.key, VALUE_ZSET, &v)) return;
    s.e = v.e;
    int options = take_fixed(c, &s);
    if (!options || !take_options(c, options, &s)) return;
    if (s.e) {
        search_all(&s, &f);
        give_findings(c, &s, &f);
    } else if (s.store) {
        zset_store(c, s.store, NULL, NULL);
    } else {
        reply_array(c, 0);
    }
}

static void cmd_geosearch(struct call *c) { search(c, FORM_SEARCH); }
static void cmd_geosearchstore(struct call *c) { search(c, FORM_SEARCH | FORM_STORE); }
static void cmd_georadius(struct call *c) { search(c, 0); }
static void cmd_georadius_ro(struct call *c) { search(c, FORM_READ); }
static void cmd_georadiusbymember(struct call *c) { search(c, FORM_MEMBER); }
static void cmd_georadiusbymember_ro(struct call *c) { search(c, FORM_MEMBER | FORM_READ); }

/* ---- rows ---- */

#define GEO .group = "geo", .acl = ACL_GEO
#define READS .flags = CMD_READONLY, .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }
#define AFTER(word_, from)                                                                         \
    { .begin = KEYS_AFTER_WORD, .word = word_, .first = (from), .find = KEYS_RANGE, .last = 0,     \
      .step = 1, .flags = KEY_OW | KEY_UPDATE }
#define STORES(from)                                                                               \
    .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS,                                           \
    .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS), AFTER("STORE", from), AFTER("STOREDIST", from) }
#define UNIT "unit=(M|KM|FT|MI)"
#define BY                                                                                         \
    "by=(circle=(BYRADIUS radius:double " UNIT ")|box=(BYBOX width:double height:double " UNIT "))"
#define FROM "from=(FROMMEMBER member:string|FROMLONLAT (longitude:double latitude:double))"
#define ORDER "order=[ASC|DESC]"
#define COUNT "[count=(COUNT count:integer [ANY])]"
#define COUNT_62 "[count=(COUNT count:integer [ANY@6.2.0])]"
#define WITH "[WITHCOORD] [WITHDIST] [WITHHASH]"
#define STORE " [STORE key:key] [STOREDIST key:key]"
#define COST                                                                                       \
    .complexity = "O(N+log(M)), N: members in the areas around the shape, M: members inside"
#define OLD(instead) .deprecated_since = "6.2.0", .replaced_by = instead
#define AT "key:key longitude:double latitude:double radius:double " UNIT " " WITH " "
#define BY_MEMBER "key:key member:string radius:double " UNIT " " WITH " "

static const char *const history_add[] = { "6.2.0", "New: CH, NX, XX.",
                                           NULL };
static const char *const history_units[] = { "7.0.0", "Units in capitals too.",
                                             NULL };
static const char *const history_any[] = { "6.2.0", "New: ANY behind COUNT.", NULL };
static const char *const history_both[] = {
    "6.2.0", "New: ANY behind COUNT.",
    "7.0.0", "Units in capitals too.", NULL,
};

const struct command cmds_geo[] = {
    { "GEOADD", cmd_geoadd, .arity = -5, .flags = CMD_WRITE | CMD_DENYOOM, GEO,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_UPDATE) }, .since = "3.2.0", .history = history_add,
      .complexity = "O(log(N)) a member, N: members of the sorted set",
      .summary = "Adds members with their places.",
      .syntax = "key:key condition=[NX|XX]@6.2.0 [change=CH@6.2.0] "
                "(longitude:double latitude:double member:string)..." },
    { "GEODIST", cmd_geodist, .arity = -4, READS, GEO, .since = "3.2.0", .complexity = "O(1)",
      .summary = "Gives the distance between two members.",
      .syntax = "key:key member1:string member2:string unit=[M|KM|FT|MI]" },
    { "GEOHASH", cmd_geohash, .arity = -2, READS, GEO, .since = "3.2.0",
      .complexity = "O(N), N: members asked for",
      .summary = "Gives members' places in the geohash text form.",
      .syntax = "key:key member:string..." },
    { "GEOPOS", cmd_geopos, .arity = -2, READS, GEO, .since = "3.2.0",
      .complexity = "O(N), N: members asked for",
      .summary = "Gives members' longitudes and latitudes.", .syntax = "key:key member:string..." },
    { "GEORADIUS", cmd_georadius, .arity = -6, STORES(6), GEO, .since = "3.2.0", COST,
      .history = history_both,
      OLD("`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
      .summary = "Gives or stores the members within a distance of a place.",
      .syntax = AT COUNT_62 " " ORDER STORE },
    { "GEORADIUSBYMEMBER", cmd_georadiusbymember, .arity = -5, STORES(5), GEO, .since = "3.2.0",
      COST, .history = history_units,
      OLD("`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"),
      .summary = "Gives or stores the members within a distance of a member.",
      .syntax = BY_MEMBER COUNT " " ORDER STORE },
    { "GEORADIUSBYMEMBER_RO", cmd_georadiusbymember_ro, .arity = -5, READS, GEO,
      .since = "3.2.10", COST,
      OLD("`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
      .summary = "Gives the members within a distance of a member.",
      .syntax = BY_MEMBER COUNT " " ORDER },
    { "GEORADIUS_RO", cmd_georadius_ro, .arity = -6, READS, GEO, .since = "3.2.10", COST,
      .history = history_any, OLD("`GEOSEARCH` with the `BYRADIUS` argument"),
      .summary = "Gives the members within a distance of a place.",
      .syntax = AT COUNT_62 " " ORDER },
    { "GEOSEARCH", cmd_geosearch, .arity = -7, READS, GEO, .since = "6.2.0", COST,
      .history = history_units, .summary = "Gives the members inside a circle or a box.",
      .syntax = "key:key " FROM " " BY " " ORDER " " COUNT " " WITH },
    { "GEOSEARCHSTORE", cmd_geosearchstore, .arity = -8, GEO, .since = "6.2.0", COST,
      .flags = CMD_WRITE | CMD_DENYOOM, .history = history_units,
      .keys = { KEYS(1, 1, 1, KEY_OW | KEY_UPDATE), KEYS(2, 2, 1, KEY_RO | KEY_ACCESS) },
      .summary = "Stores the members inside a circle or a box under another key.",
      .syntax = "destination:key source:key " FROM " " BY " " ORDER " " COUNT " [STOREDIST]" },
    COMMANDS_END,
};
