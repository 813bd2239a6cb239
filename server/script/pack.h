/* pack: the library `struct` of scripts: values to bytes by a format, and back.
 *
 *     > < = big, little-endian   ! !n alignment   x a zero   b B h H l L T i In I integers
 *     f d floats   s text up to a zero   cn n bytes (c0: all of it; back: as many as the value
 *     before said)
 * Every length is compared with what is there before it is used. Knows Lua only.
 * Layer server/script. Tests: compat/test_scripts, fuzz/fuzz_struct. */
#ifndef SERVER_SCRIPT_PACK_H
#define SERVER_SCRIPT_PACK_H

#include <lua.h>

#define PACK_INTEGER_MAX 32 /* bytes */

int pack_open(lua_State *L); /* pushes the library */

#endif
