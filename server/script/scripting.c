#include "server/script/scripting.h"

#include "core/base/mem.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "server/script/engine.h"
#include "server/script/eval.h"
#include "server/script/library.h"
#include "server/script/run.h"
#include "server/server.h"
#include "server/shutdown.h"

struct scripting *scripting_new(struct server *s)
{
    struct scripting *sc = mem_zalloc(sizeof(*sc));
    sc->s = s;
    sc->random = 0x1234abcd330eull; /* as drand48 begins */
    sc->client = client_pseudo(s->front, 0);
    sc->cache = eval_new(sc);
    sc->libraries = libraries_new(sc);
    return sc;
}

void scripting_delete(struct scripting *sc)
{
    if (!sc) return;
    eval_delete(sc->cache);
    libraries_delete(sc->libraries);
    client_free(sc->client);
    mem_free(sc);
}

const char *scripting_busy(const struct scripting *sc)
{
    if (!sc || !sc->run || !sc->run->timed_out) return NULL;
    return sc->run->is_function
               ? "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or "
                 "SHUTDOWN NOSAVE."
               : "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
                 "NOSAVE.";
}

struct client *scripting_caller(const struct call *c)
{
    const struct scripting *sc = server_of(c)->scripts;
    return scripting_running(sc) && c->client == sc->client ? sc->run->call->client : c->client;
}

bool scripting_postpone_signal(struct scripting *sc, int signo)
{
    if (!scripting_running(sc)) return false;
    sc->signal = signo;
    return true;
}

void scripting_figures(const struct scripting *sc, struct scripting_figures *f)
{
    *f = (struct scripting_figures){ 0 };
    eval_figures(sc->cache, f);
    f->vm_functions = sc->libraries->engine->used;
    f->functions = sc->libraries->bytes + table_mem(&sc->libraries->by_name) +
                   table_mem(&sc->libraries->functions);
    f->functions_n = table_count(&sc->libraries->functions);
    f->libraries_n = sc->libraries->list.n;
    f->evicted = sc->evicted;
}

size_t scripting_mem(const struct scripting *sc)
{
    struct scripting_figures f;
    scripting_figures(sc, &f);
    return f.vm_eval + f.vm_functions + f.scripts_eval + f.functions;
}

/* ---- what a call will do ---- */

uint32_t scripting_call_flags(const struct call *c)
{
    uint32_t flags = c->row->flags, script;
    if (!eval_flags_of(c, &script) && !function_flags_of(c, &script)) return flags;
    if (script & SCRIPT_COMPAT) return flags;
    flags &= ~(uint32_t)(CMD_STALE | CMD_DENYOOM | CMD_WRITE);
    if (!(script & SCRIPT_NO_WRITES)) flags |= CMD_WRITE;
    if (!(script & (SCRIPT_NO_WRITES | SCRIPT_ALLOW_OOM))) flags |= CMD_DENYOOM;
    if (script & SCRIPT_ALLOW_STALE) flags |= CMD_STALE;
    return flags;
}

/* ---- snapshots ---- */

struct slice *scripting_sources(const struct scripting *sc, size_t *n)
{
    const struct libraries *ls = sc->libraries;
    struct slice *sources = mem_alloc((ls->list.n + 1) * sizeof(*sources));
    *n = ls->list.n;
    for (size_t i = 0; i < ls->list.n; i++) sources[i] = str_slice(ls->list.at[i]->code);
    return sources;
}

enum err scripting_load_library(struct scripting *sc, struct libraries **beside,
                                struct slice source, bool replace, struct errmsg *msg)
{
    struct libraries *to = sc->libraries;
    if (beside) {
        if (!*beside) *beside = libraries_new(sc);
        to = *beside;
    }
    return library_load(to, source, replace, false, NULL, msg);
}

void scripting_adopt_libraries(struct scripting *sc, struct libraries *beside)
{
    libraries_delete(sc->libraries);
    sc->libraries = beside ? beside : libraries_new(sc);
}

void scripting_drop_libraries(struct libraries *beside) { libraries_delete(beside); }
