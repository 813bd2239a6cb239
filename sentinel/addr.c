#include "sentinel/addr.h"

static bool is_ipv4(struct slice s)
{
    int dots = 0, digits = 0, v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            if (!digits || ++dots > 3) return false;
            digits = v = 0;
        } else if (s.p[i] >= '0' && s.p[i] <= '9' && digits < 3) {
            v = v * 10 + (s.p[i] - '0');
            digits++;
            if (v > 255) return false;
        } else {
            return false;
        }
    }
    return dots == 3 && digits;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Groups of at most four hexadecimal digits, one "::" at most, an IPv4 tail allowed; a zone
 * ("%eth0") may follow. */
static bool is_ipv6(struct slice s)
{
    ptrdiff_t zone = slice_find(s, '%', 0);
    if (zone == 0) return false;
    if (zone > 0) s.n = (size_t)zone;
    int groups = 0;
    bool gap = false;
    size_t i = 0;
    if (s.n >= 2 && s.p[0] == ':' && s.p[1] == ':') {
        gap = true;
        i = 2;
    }
    while (i < s.n) {
        size_t from = i;
        while (i < s.n && is_hex(s.p[i])) i++;
        if (i < s.n && s.p[i] == '.')
            return is_ipv4(slice_of(s.p + from, s.n - from)) && (gap ? groups < 6 : groups == 6);
        if (i == from || i - from > 4) return false;
        groups++;
        if (i == s.n) break;
        if (s.p[i++] != ':' || i == s.n) return false;
        if (s.p[i] == ':') {
            if (gap) return false;
            gap = true;
            i++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

bool sn_is_ip(struct slice host)
{
    return host.n < SN_IP_MAX && (is_ipv4(host) || is_ipv6(host));
}

enum err sn_addr_set(struct sn_addr *addr, struct slice host, int64_t port, bool names_allowed)
{
    if (port < 0 || port > 65535) return ERR_RANGE;
    bool ip = sn_is_ip(host);
    if (!ip && !names_allowed) return ERR_NOTFOUND;
    if (host.n == 0 || host.n >= SN_HOST_MAX || memchr(host.p, 0, host.n)) return ERR_NOTFOUND;
    *addr = (struct sn_addr){ .port = (int)port };
    slice_cstr(host, addr->host, sizeof(addr->host));
    if (ip) slice_cstr(host, addr->ip, sizeof(addr->ip));
    return ERR_NONE;
}

bool sn_addr_same(const struct sn_addr *a, const struct sn_addr *b)
{
    if (a->port != b->port) return false;
    if (slice_ieqz(slice_z(a->host), b->host)) return true;
    /* What a name stood for when it was looked up last may be another's address by now. */
    if (sn_addr_is_name(a) && sn_addr_is_name(b)) return false;
    return a->ip[0] && strcmp(a->ip, b->ip) == 0;
}

bool sn_addr_is(const struct sn_addr *a, struct slice host, int64_t port)
{
    return a->port == port &&
           (slice_ieqz(host, a->host) || (a->ip[0] && slice_ieqz(host, a->ip)));
}

bool sn_addr_is_name(const struct sn_addr *a)
{
    return !sn_is_ip(slice_z(a->host));
}

bool sn_addr_unknown_name(struct slice host, const struct sn_addr *a)
{
    return !sn_is_ip(host) || (sn_addr_is_name(a) && !a->ip[0]);
}
