#include "core/front/proc_title.h"

#include "core/front/config.h"

struct title_parts {
    const struct front_config *cfg;
    const char *title, *mode, *config_file;
};

static void put_title(const struct title_parts *t, struct buf *out) { buf_putz(out, t->title); }
static void put_mode(const struct title_parts *t, struct buf *out) { buf_putz(out, t->mode); }
static void put_port(const struct title_parts *t, struct buf *out) { buf_puti(out, t->cfg->port); }
static void put_tls(const struct title_parts *t, struct buf *out)
{
    buf_puti(out, t->cfg->tls_port);
}
static void put_unix(const struct title_parts *t, struct buf *out)
{
    buf_putz(out, t->cfg->unixsocket);
}
static void put_file(const struct title_parts *t, struct buf *out)
{
    buf_putz(out, t->config_file ? t->config_file : "");
}
static void put_addr(const struct title_parts *t, struct buf *out)
{
    const struct front_config *cfg = t->cfg;
    int port = cfg->port ? cfg->port : cfg->tls_port;
    const char *addr = cfg->bind.text.n ? cfg->bind.text.at[0] : "*";
    if (!port) buf_fmt(out, "unixsocket:%s", cfg->unixsocket);
    else if (strchr(addr, ':')) buf_fmt(out, "[%s]:%d", addr, port);
    else buf_fmt(out, "%s:%d", addr, port);
}

static const struct {
    const char *name;
    void (*put)(const struct title_parts *t, struct buf *out);
} variables[] = {
    { "title", put_title }, { "listen-addr", put_addr }, { "server-mode", put_mode },
    { "port", put_port },   { "tls-port", put_tls },     { "unixsocket", put_unix },
    { "config-file", put_file },
};

/* Writes the text behind the template; t NULL: only checks. */
static bool expand(const char *p, const struct title_parts *t, struct buf *out)
{
    while (*p) {
        const char *open = strchr(p, '{');
        size_t plain = open ? (size_t)(open - p) : strlen(p);
        if (memchr(p, '}', plain)) return false;
        if (t) buf_put(out, p, plain);
        if (!open) return true;
        const char *close = strchr(open, '}');
        if (!close) return false;
        struct slice name = slice_of(open + 1, (size_t)(close - open - 1));
        size_t i = 0, n = sizeof(variables) / sizeof(variables[0]);
        while (i < n && !slice_eqz(name, variables[i].name)) i++;
        if (i == n) return false;
        if (t) variables[i].put(t, out);
        p = close + 1;
    }
    return true;
}

bool proc_title_template_ok(const char *template)
{
    return *template && expand(template, NULL, NULL);
}

void proc_title_print(const struct front_config *cfg, const char *title, const char *mode,
                      const char *config_file, struct buf *out)
{
    struct title_parts t = { cfg, title, mode, config_file };
    (void)expand(cfg->proc_title_template, &t, out);
    while (out->len > out->pos && out->data[out->len - 1] == ' ') out->len--; /* an empty mode */
}
