#include "core/sys/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "/proc/self/oom_score_adj"
#define SCORE_MAX 1000

static enum err failed(const char *what, struct errmsg *msg)
{
    return err_set(msg, ERR_IO, "Unable to %s oom_score_adj: %s", what, strerror(errno));
}

static enum err read_score(int *out, struct errmsg *msg)
{
    char text[32];
    int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    enum err e = n > 0 ? ERR_NONE : failed("read", msg);
    if (n > 0) text[n] = '\0', *out = atoi(text);
    if (fd >= 0) close(fd);
    return e;
}

static enum err write_score(int score, struct errmsg *msg)
{
    char text[32];
    if (score > SCORE_MAX) score = SCORE_MAX;
    if (score < -SCORE_MAX) score = -SCORE_MAX;
    int n = snprintf(text, sizeof(text), "%d\n", score);
    int fd = open(FILE_NAME, O_WRONLY | O_CLOEXEC);
    enum err e = fd >= 0 && write(fd, text, (size_t)n) == n ? ERR_NONE : failed("write", msg);
    if (fd >= 0) close(fd);
    return e;
}

enum err oom_apply(struct oom_score *o, enum oom_mode mode, int value, struct errmsg *msg)
{
    if (mode == OOM_LEAVE && !o->ours) return ERR_NONE;
    enum err e = o->ours ? ERR_NONE : read_score(&o->found, msg);
    if (e != ERR_NONE) return e;
    int score = mode == OOM_LEAVE ? o->found : mode == OOM_ABSOLUTE ? value : o->found + value;
    e = write_score(score, msg);
    if (e == ERR_NONE) o->ours = mode != OOM_LEAVE;
    return e;
}
