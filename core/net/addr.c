#include "core/net/addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const struct sockaddr_in *v4_of(const struct addr *a) { return (const void *)&a->sa; }
static const struct sockaddr_in6 *v6_of(const struct addr *a) { return (const void *)&a->sa; }
static const struct sockaddr_un *un_of(const struct addr *a) { return (const void *)&a->sa; }

bool addr_is_unix(const struct addr *a) { return a->sa.ss_family == AF_UNIX; }

static bool parse_path(struct addr *out, const char *path)
{
    struct sockaddr_un *un = (void *)&out->sa;
    size_t n = strlen(path);
    if (n >= sizeof(un->sun_path)) return false;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n + 1);
    out->len = sizeof(*un);
    return true;
}

bool addr_parse(struct addr *out, const char *ip, int port)
{
    memset(out, 0, sizeof(*out));
    if (port == 0 && (ip[0] == '/' || ip[0] == '.')) return parse_path(out, ip);
    if (port < 0 || port > 65535) return false;
    /* getaddrinfo also reads scopes ("fe80::1%eth0"); with these flags it asks nobody. */
    char service[8];
    snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    struct addrinfo *found;
    if (getaddrinfo(ip, service, &hints, &found) != 0) return false;
    memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

int addr_port(const struct addr *a)
{
    if (a->sa.ss_family == AF_INET) return ntohs(v4_of(a)->sin_port);
    if (a->sa.ss_family == AF_INET6) return ntohs(v6_of(a)->sin6_port);
    return 0;
}

void addr_ip_text(const struct addr *a, char *out, size_t cap)
{
    const char *text = NULL;
    switch (a->sa.ss_family) {
    case AF_INET: text = inet_ntop(AF_INET, &v4_of(a)->sin_addr, out, (socklen_t)cap); break;
    case AF_INET6: text = inet_ntop(AF_INET6, &v6_of(a)->sin6_addr, out, (socklen_t)cap); break;
    case AF_UNIX:
        snprintf(out, cap, "%s", un_of(a)->sun_path);
        return;
    default: break;
    }
    if (!text) snprintf(out, cap, "?");
}

void addr_text(const struct addr *a, char *out, size_t cap)
{
    char ip[sizeof(struct sockaddr_un)];
    addr_ip_text(a, ip, sizeof(ip));
    snprintf(out, cap, strchr(ip, ':') && !addr_is_unix(a) ? "[%s]:%d" : "%s:%d", ip,
             addr_port(a));
}

bool addr_is_loopback(const struct addr *a)
{
    switch (a->sa.ss_family) {
    case AF_INET: return (ntohl(v4_of(a)->sin_addr.s_addr) >> 24) == 127;
    case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&v6_of(a)->sin6_addr);
    default: return addr_is_unix(a);
    }
}
