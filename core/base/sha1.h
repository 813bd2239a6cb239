/* sha1: the digest of FIPS 180-4, for names only (of scripts, of data sets in DEBUG DIGEST): it
 * keeps nothing secret. Pure. "abc" gives a9993e36... Tests: unit/base. */
#ifndef CORE_BASE_SHA1_H
#define CORE_BASE_SHA1_H

#include "core/base/str.h"

#define SHA1_BYTES 20

void sha1(struct slice data, unsigned char out[SHA1_BYTES]);

#endif
