/* sha256: the digest of FIPS 180-4, for the passwords of users (kept as hexadecimal digests).
 * Pure. sha256_hex("abc") begins with ba7816bf. Tests: unit/base. */
#ifndef CORE_BASE_SHA256_H
#define CORE_BASE_SHA256_H

#include "core/base/str.h"

#define SHA256_BYTES 32

void sha256(struct slice data, unsigned char out[SHA256_BYTES]);
/* 64 lower-case hexadecimal characters, no terminator. */
void sha256_hex(struct slice data, char out[2 * SHA256_BYTES]);

#endif
