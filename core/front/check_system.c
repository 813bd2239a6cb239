#include "core/front/check_system.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/sys/file.h"

#define PROC_BYTES_MAX 4096

/* The first line's words of a file of /proc or /sys; false: it is not there. */
static bool read_small(const char *path, char *out, size_t cap)
{
    struct buf b = { 0 };
    struct errmsg m;
    bool ok = !file_read(path, PROC_BYTES_MAX, &b, &m);
    if (ok) slice_cstr(slice_trim(buf_slice(&b)), out, cap);
    buf_free(&b);
    return ok;
}

/* Each check: NULL when all is well, else what is wrong and what to do. */

static const char *check_clock(void)
{
    char source[64];
    if (!read_small("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                    sizeof(source))) {
        return NULL;
    }
    if (!strcmp(source, "hpet") || !strcmp(source, "acpi_pm")) {
        return "The kernel reads a slow clock. A processor with a steady counter does better with: "
               "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource";
    }
    return NULL;
}

static const char *check_overcommit(void)
{
    char value[16];
    if (!read_small("/proc/sys/vm/overcommit_memory", value, sizeof(value)) || !strcmp(value, "1"))
        return NULL;
    return "With snapshot-method fork, and for append-only files of commands alone, a child is "
           "forked, and the kernel may refuse that to a large process. Allow it now with "
           "'sysctl vm.overcommit_memory=1', and for good with the line "
           "'vm.overcommit_memory = 1' in /etc/sysctl.conf.";
}

static const char *check_thp(void)
{
    char value[64];
    if (!read_small("/sys/kernel/mm/transparent_hugepage/enabled", value, sizeof(value)) ||
        !strstr(value, "[always]")) {
        return NULL;
    }
    return "The kernel hands out huge pages unasked: while a snapshot is written each change "
           "copies 2 MiB. As root: 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled', "
           "now and at each boot.";
}

static const char *check_somaxconn(void)
{
    char value[16];
    if (!read_small("/proc/sys/net/core/somaxconn", value, sizeof(value)) || atoi(value) >= 511)
        return NULL;
    return "/proc/sys/net/core/somaxconn is below the usual tcp-backlog of 511: fewer "
           "connections can wait to be accepted.";
}

static const struct {
    const char *name;
    const char *(*run)(void);
} checks[] = {
    { "slow-clocksource", check_clock },
    { "overcommit", check_overcommit },
    { "THP", check_thp },
    { "somaxconn", check_somaxconn },
};

int check_system_run(void)
{
    int code = 0;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        const char *wrong = checks[i].run();
        printf("[%s]...%s\n", checks[i].name, wrong ? "WARNING:" : "OK");
        if (wrong) puts(wrong), code = 1;
    }
    return code;
}

/* ---- memory ---- */

/* xorshift: the same sequence again for reading; quality does not matter, all bits must move. */
static uint64_t next_word(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t test_pass(volatile uint64_t *word, size_t n, uint64_t seed, uint64_t flip)
{
    size_t errors = 0;
    uint64_t state = seed;
    for (size_t i = 0; i < n; i++) word[i] = next_word(&state) ^ flip;
    state = seed;
    for (size_t i = 0; i < n; i++) errors += word[i] != (next_word(&state) ^ flip);
    return errors;
}

#define MEMORY_PASSES 5
#define MEMORY_MEGABYTES_MAX (1l << 20)

int check_memory_run(long megabytes)
{
    if (megabytes < 1 || megabytes > MEMORY_MEGABYTES_MAX) {
        fprintf(stderr, "The amount of memory must be between 1 and %ld megabytes.\n",
                MEMORY_MEGABYTES_MAX);
        return 1;
    }
    size_t n = (size_t)megabytes * ((1 << 20) / sizeof(uint64_t)), errors = 0;
    uint64_t *word = mem_alloc(n * sizeof(*word));
    for (int pass = 0; pass < MEMORY_PASSES; pass++) {
        for (int flip = 0; flip < 2; flip++) {
            errors += test_pass(word, n, 0x9e3779b97f4a7c15ull + (uint64_t)pass,
                                flip ? UINT64_MAX : 0);
        }
        printf("Pass %d of %d: %zu errors\n", pass + 1, MEMORY_PASSES, errors);
        fflush(stdout);
    }
    mem_free(word);
    puts(errors ? "This memory is not reliable." : "No error was found.");
    return errors ? 1 : 0;
}
