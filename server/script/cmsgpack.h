/* cmsgpack: MessagePack for scripts, as the library of that name gives it: pack, unpack,
 * unpack_one, unpack_limit. Tables deeper than CMSGPACK_DEPTH_MAX are packed as nil; what is
 * unpacked is bounded by Lua's stack and by the bytes that are really there.
 * Knows Lua only. Layer server/script. Tests: compat/test_scripts, fuzz/fuzz_cmsgpack. */
#ifndef SERVER_SCRIPT_CMSGPACK_H
#define SERVER_SCRIPT_CMSGPACK_H

#include <lua.h>

#define CMSGPACK_DEPTH_MAX 16

int cmsgpack_open(lua_State *L); /* pushes the library */

#endif
