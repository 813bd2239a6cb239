/* addr: socket addresses to text and back; no name look-ups. Layer core/net.
 *
 * Text forms are those of CLIENT LIST: "1.2.3.4:5", "[::1]:5", "/path:0". A path longer than the
 * system's limit is refused. Holds nothing. Tests: unit/net. */
#ifndef CORE_NET_ADDR_H
#define CORE_NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct addr {
    struct sockaddr_storage sa;
    socklen_t len;
};

/* A numeric address, or a path when port is 0 and it begins with '/' or '.'. */
bool addr_parse(struct addr *out, const char *ip, int port);
/* Writes "ip:port" and friends, terminated; an address of unknown kind is "?:0". */
void addr_text(const struct addr *a, char *out, size_t cap);
void addr_ip_text(const struct addr *a, char *out, size_t cap);
int addr_port(const struct addr *a); /* 0 for paths */
bool addr_is_loopback(const struct addr *a); /* 127/8, ::1, any path */
bool addr_is_unix(const struct addr *a);

#endif
