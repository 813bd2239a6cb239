/* eval: scripts that clients send: EVAL and its like, and their cache.
 *
 * A script is known by the SHA-1 of its text, and found by a quicker hash of it too, so that EVAL
 * need not compute the digest of a text it has seen. Scripts of EVAL that were not used for long
 * leave when there are more than EVAL_SCRIPTS_MAX of them; those of SCRIPT LOAD stay.
 * Layer server/script. Tests: e2e/test_scripts, compat/test_scripts. */
#ifndef SERVER_SCRIPT_EVAL_H
#define SERVER_SCRIPT_EVAL_H

#include "server/script/scripting.h"

#define EVAL_SCRIPTS_MAX 500

struct eval_cache *eval_new(struct scripting *sc);
void eval_delete(struct eval_cache *ec);
/* Is it an EVAL? *flags: SCRIPT_ flags of its script; SCRIPT_COMPAT too where there is none. */
bool eval_flags_of(const struct call *c, uint32_t *flags);
void eval_figures(const struct eval_cache *ec, struct scripting_figures *f);

#endif
