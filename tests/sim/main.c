/* tanist-sim: runs seeds through the simulator.
 *
 *     tanist-sim --seeds 1-2000 [--file seeds.txt] [--break NAME]
 *     tanist-sim --seed 17 [--until STEP] [--trace | --json] [--break NAME]
 *     tanist-sim ... --early         draws as before names and fences came: what old seeds mean
 *     tanist-sim --breaks            each broken variant is caught by its checker
 *
 * A seed that fails is run again with the trace on; its last lines and the command that repeats it
 * are printed. Ends with 0 when all went as it should. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/sim.h"

#define BREAK_SEEDS_MAX 1000 /* a variant that is not caught by then is not caught */

struct job {
    uint64_t from, to, until;
    const char *file;
    const struct breakage *broken;
    bool trace, json, all_breaks, one, early;
};

struct sums {
    uint64_t seeds, steps, failovers, acked, lost, failed;
};

static void print_options(const struct sim *s)
{
    char line[900];
    options_print(&s->opt, line, sizeof(line));
    printf("seed %llu: %s\n", (unsigned long long)s->seed, line);
}

static void print_replay(const struct sim *s, bool early)
{
    printf("replay: tanist-sim --seed %llu%s%s%s --until %llu --trace\n",
           (unsigned long long)s->seed, early ? " --early" : "",
           s->broken ? " --break " : "", s->broken ? s->broken->name : "",
           (unsigned long long)s->step);
}

static void print_result(const struct sim *s, bool fine, bool early)
{
    if (fine)
        printf("seed %llu: fine after %llu steps\n", (unsigned long long)s->seed,
               (unsigned long long)s->step);
    else
        printf("seed %llu, step %llu, %lld ms: %s: %s\n", (unsigned long long)s->seed,
               (unsigned long long)s->step, (long long)s->now, s->failed, s->why);
    print_replay(s, early);
}

/* The same seed once more, with the trace on. */
static void show(uint64_t seed, const struct job *job, enum trace_mode mode)
{
    struct sim s;
    sim_init(&s, seed, job->early, job->broken, mode);
    if (mode != TRACE_JSON) print_options(&s);
    bool fine = sim_run(&s, job->until);
    trace_print(&s.trace);
    if (mode != TRACE_JSON) print_result(&s, fine, job->early);
    sim_free(&s);
}

static bool run_seed(uint64_t seed, const struct job *job, struct sums *sums)
{
    struct sim s;
    sim_init(&s, seed, job->early, job->broken, TRACE_OFF);
    bool fine = sim_run(&s, job->until);
    sums->seeds++;
    sums->steps += s.step;
    sums->failovers += s.check->failovers;
    sums->acked += s.check->acked;
    sums->lost += s.check->lost;
    sums->failed += !fine;
    sim_free(&s);
    return fine;
}

static bool run_checked(uint64_t seed, const struct job *job, struct sums *sums)
{
    if (run_seed(seed, job, sums)) return true;
    show(seed, job, TRACE_RING);
    fflush(stdout);
    return false;
}

/* Each line: a seed, perhaps "early", and what it once found. */
static bool run_file(const struct job *job, struct sums *sums)
{
    FILE *f = fopen(job->file, "r");
    if (!f) {
        fprintf(stderr, "cannot read %s\n", job->file);
        return false;
    }
    char line[300];
    bool fine = true;
    while (fgets(line, sizeof(line), f)) {
        char *end;
        unsigned long long seed = strtoull(line, &end, 10);
        struct job one = *job;
        one.early |= slice_starts(slice_trim(slice_z(end)), "early");
        if (end != line) fine &= run_checked(seed, &one, sums);
    }
    fclose(f);
    return fine;
}

static bool run_range(const struct job *job, struct sums *sums)
{
    int failures = 0;
    for (uint64_t seed = job->from; seed <= job->to && failures < 3; seed++)
        failures += !run_checked(seed, job, sums);
    return failures == 0;
}

/* The test of the test: the checker named in the row must speak within some seeds. */
static bool run_breaks(void)
{
    bool fine = true;
    for (size_t i = 0; i < breaks_count; i++) {
        struct job job = { .broken = &breaks[i] };
        struct sums sums = { 0 };
        uint64_t seed = 1;
        while (seed <= BREAK_SEEDS_MAX && run_seed(seed, &job, &sums))
            seed++;
        bool caught = seed <= BREAK_SEEDS_MAX;
        printf("%-16s %s %s (%s)", breaks[i].name, breaks[i].checker,
               caught ? "catches it" : "DOES NOT CATCH IT", breaks[i].what);
        if (caught)
            printf(", seed %llu\n", (unsigned long long)seed);
        else
            printf(", %d seeds\n", BREAK_SEEDS_MAX);
        fflush(stdout);
        fine &= caught;
    }
    return fine;
}

static bool read_number(const char *text, uint64_t *out) { return num_to_u64(slice_z(text), out); }

static bool read_range(const char *text, struct job *job)
{
    struct slice all = slice_z(text);
    ptrdiff_t dash = slice_find(all, '-', 0);
    if (dash < 0) return false;
    return num_to_u64(slice_of(text, (size_t)dash), &job->from) &&
           num_to_u64(slice_of(text + dash + 1, all.n - (size_t)dash - 1), &job->to);
}

static bool read_args(int argc, char **argv, struct job *job)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
        bool ok = true, takes = true;
        if (strcmp(a, "--seeds") == 0)
            ok = read_range(v, job);
        else if (strcmp(a, "--seed") == 0)
            ok = job->one = read_number(v, &job->from);
        else if (strcmp(a, "--until") == 0)
            ok = read_number(v, &job->until);
        else if (strcmp(a, "--file") == 0)
            job->file = v;
        else if (strcmp(a, "--break") == 0)
            ok = (job->broken = breaks_find(v)) != NULL;
        else if (strcmp(a, "--trace") == 0)
            job->trace = true, takes = false;
        else if (strcmp(a, "--json") == 0)
            job->trace = job->json = true, takes = false;
        else if (strcmp(a, "--early") == 0)
            job->early = true, takes = false;
        else if (strcmp(a, "--breaks") == 0)
            job->all_breaks = true, takes = false;
        else
            return false;
        if (!ok) return false;
        i += takes;
    }
    return job->one || job->to || job->file || job->all_breaks;
}

int main(int argc, char **argv)
{
    struct job job = { 0 };
    struct sums sums = { 0 };
    bool fine = true;
    if (!read_args(argc, argv, &job)) {
        fprintf(stderr, "usage: tanist-sim --seeds FROM-TO [--file LIST] | --seed N [--until STEP] "
                        "[--trace | --json] | --breaks  [--break NAME] [--early]\n");
        return 2;
    }
    if (job.all_breaks) return run_breaks() ? 0 : 1;
    if (job.one) {
        if (!job.trace) return run_checked(job.from, &job, &sums) ? 0 : 1;
        show(job.from, &job, job.json ? TRACE_JSON : TRACE_PRINT);
        return 0;
    }
    if (job.file) fine &= run_file(&job, &sums);
    if (job.to) fine &= run_range(&job, &sums);
    printf("%llu seeds, %llu failed; %llu steps, %llu failovers, %llu of %llu acknowledged writes "
           "lost\n",
           (unsigned long long)sums.seeds, (unsigned long long)sums.failed,
           (unsigned long long)sums.steps, (unsigned long long)sums.failovers,
           (unsigned long long)sums.lost, (unsigned long long)sums.acked);
    return fine ? 0 : 1;
}
