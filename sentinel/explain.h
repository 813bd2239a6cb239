/* explain: what would happen if the master of a group died now, in sentences.
 *
 * Each line begins with what it is: "ok: ", "warning: " or "problem: " (with a problem
 * there would be no failover), or "would: " for what would happen. Nothing is decided here; the
 * judgements are those of pick, vote and view. Pure. Tests: unit/sn_clear. */
#ifndef SENTINEL_EXPLAIN_H
#define SENTINEL_EXPLAIN_H

#include "core/base/str.h"
#include "core/base/vec.h"
#include "sentinel/model.h"

struct sn_sentences {
    VEC(struct str) lines;
};

void sn_explain(const struct sn_group *g, int64_t now, struct sn_sentences *out);
void sn_sentences_free(struct sn_sentences *s);

#endif
