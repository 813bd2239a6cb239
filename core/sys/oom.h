/* oom: how willingly the kernel kills this process when memory is short (/proc/self/oom_score_adj).
 *
 * The score that the process was started with, or was given by others while we left it alone, is
 * remembered and comes back when it is switched off. Linux only. Tests: e2e/test_process. */
#ifndef CORE_SYS_OOM_H
#define CORE_SYS_OOM_H

#include <stdbool.h>

#include "core/base/err.h"

struct oom_score { /* zeroed: we have never set it */
    bool ours;
    int found; /* what stood there before */
};

enum oom_mode { OOM_LEAVE, OOM_RELATIVE, OOM_ABSOLUTE };

/* Sets the score to `value`, from zero or from what was found; it is brought into -1000..1000. */
enum err oom_apply(struct oom_score *o, enum oom_mode mode, int value, struct errmsg *msg);

#endif
