/* api: the table `redis` of scripts. Layer server/script. Tests: compat/test_scripts. */
#ifndef SERVER_SCRIPT_API_H
#define SERVER_SCRIPT_API_H

#include "server/script/engine.h"

/* Pushes the real table. */
void api_open(lua_State *L, enum engine_kind kind);
/* The one that libraries see while they are loaded. */
void api_open_library(lua_State *L);
/* redis.call and redis.pcall (call.c). */
int api_call(lua_State *L);
int api_pcall(lua_State *L);
/* redis.register_function (library.c). */
int api_register_function(lua_State *L);

#endif
