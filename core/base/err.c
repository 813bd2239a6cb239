#include "core/base/err.h"

#include <stdio.h>
#include <string.h>

static const char *const names[ERR_COUNT] = {
    [ERR_NONE] = "none",         [ERR_FORMAT] = "format",     [ERR_SHORT] = "short",
    [ERR_LIMIT] = "limit",       [ERR_CHECKSUM] = "checksum", [ERR_IO] = "io",
    [ERR_NOTFOUND] = "notfound", [ERR_EXISTS] = "exists",     [ERR_RANGE] = "range",
    [ERR_SYNTAX] = "syntax",     [ERR_TIMEOUT] = "timeout",   [ERR_CLOSED] = "closed",
    [ERR_REFUSED] = "refused",   [ERR_BUSY] = "busy",
};

const char *err_name(enum err e) { return (unsigned)e < ERR_COUNT ? names[e] : "unknown"; }

enum err err_set(struct errmsg *m, enum err e, const char *fmt, ...)
{
    if (!m) return e;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->text, sizeof(m->text), fmt, ap);
    va_end(ap);
    return e;
}

enum err err_prefix(struct errmsg *m, enum err e, const char *fmt, ...)
{
    if (!m) return e;
    char old[ERRMSG_MAX];
    memcpy(old, m->text, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(m->text, sizeof(m->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && n < ERRMSG_MAX) snprintf(m->text + n, ERRMSG_MAX - (size_t)n, ": %s", old);
    return e;
}
