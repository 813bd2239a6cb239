/* run: one run of a script or function, from its command to its reply.
 *
 * Lives on the stack of the command. Layer server/script. Tests: e2e/test_scripts. */
#ifndef SERVER_SCRIPT_RUN_H
#define SERVER_SCRIPT_RUN_H

#include "server/script/engine.h"
#include "server/script/scripting.h"

/* What a script says of itself (#!lua flags=..., register_function's flags). */
enum {
    SCRIPT_NO_WRITES = 1u << 0,
    SCRIPT_ALLOW_OOM = 1u << 1,
    SCRIPT_ALLOW_STALE = 1u << 2,
    SCRIPT_NO_CLUSTER = 1u << 3,
    SCRIPT_ALLOW_CROSS_SLOT = 1u << 4,
    SCRIPT_COMPAT = 1u << 5, /* a script without #!: judged command by command */
};
#define SCRIPT_FLAGS_NAMED 5

struct run {
    struct engine *engine;
    struct call *call; /* EVAL's, FCALL's */
    const char *name;  /* sha1 in hexadecimal, or the function's name */
    uint32_t flags;
    bool is_function, read_only;
    bool wrote;     /* a command that writes was called */
    bool over_memory;
    bool timed_out; /* others are served meanwhile */
    bool killed, shut;
    int resp;       /* of replies to the script: 2 or 3 */
    unsigned sinks; /* redis.set_repl: bits of the journal's sinks */
    int64_t started_us, pumped_us;
};

/* The bit of a flag's name; 0: there is none. And the names by bit. */
uint32_t script_flag(struct slice name);
extern const char *const script_flag_names[SCRIPT_FLAGS_NAMED];

/* May it begin (read-only, stale, out of memory ...)? Else it has replied. */
bool run_may(struct call *c, uint32_t flags, bool read_only);
/* The function and its arguments are on the engine's stack; replies. */
void run_script(struct engine *e, struct call *c, struct run *r, int args);
/* keys and args as tables: keys = argv[3 .. 3 + n - 1], the rest behind. */
void run_push_words(lua_State *L, const struct call *c, int from, int to);
/* numkeys of EVAL and FCALL; replies when wrong. */
bool run_numkeys(struct call *c, int *numkeys, const char *not_a_number);
/* SCRIPT KILL, FUNCTION KILL: replies. */
void run_kill(struct call *c, bool function);
/* The hook that looks at the time; also while a library is loaded (run NULL). */
void run_hook(lua_State *L, lua_Debug *d);
#define RUN_HOOK_COUNT 100000

#endif
