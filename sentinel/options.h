/* options: the per-group options, one row each, for SENTINEL SET and for the file alike.
 *
 * A row says how many words the value has, where it is kept and what is allowed; reading and
 * writing are generic. Pure. Tests: scenes (admin), unit/sn_state. */
#ifndef SENTINEL_OPTIONS_H
#define SENTINEL_OPTIONS_H

#include "core/base/str.h"
#include "sentinel/model.h"

enum sn_option_kind {
    SN_OPT_MS,
    SN_OPT_COUNT,
    SN_OPT_TEXT,
    SN_OPT_SCRIPT,
    SN_OPT_RENAME,
    SN_OPT_YES_NO
};

struct sn_option {
    const char *name;
    const char *alias;
    enum sn_option_kind kind;
    size_t offset; /* in struct sn_group_saved */
    int64_t min;   /* numbers */
    bool secret;     /* events show ****** */
    bool reconnects; /* the links are opened anew */
    bool set_only;   /* not a directive of its own in the file */
};
#define SN_OPTIONS 12
extern const struct sn_option sn_options[SN_OPTIONS]; /* in the order in which the file has them */

const struct sn_option *sn_option_find(struct slice name);
static inline int sn_option_words(const struct sn_option *o)
{
    return o->kind == SN_OPT_RENAME ? 2 : 1;
}
/* Stores the value's words; false when it is not allowed. */
bool sn_option_apply(struct sn_group *g, const struct sn_option *o, const struct slice *v);
/* Text without a zero byte and of bounded length. */
bool sn_clean_text(struct slice v);

#endif
