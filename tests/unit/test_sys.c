#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/sys/bg.h"
#include "core/sys/child.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "tests/unit/check_main.h"

/* A folder of the test's own; everything happens in it. */
static void enter_folder(void)
{
    char name[] = "/tmp/tanist-test-XXXXXX";
    ck_assert(mkdtemp(name) != NULL);
    ck_assert_int_eq(chdir(name), 0);
}

static void leave_folder(void)
{
    char name[256];
    ck_assert(getcwd(name, sizeof(name)) != NULL);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(name), 0); /* nothing was left behind */
}

static void content_is(const char *path, const char *want)
{
    struct buf b = { 0 };
    struct errmsg msg;
    ck_assert_msg(file_read(path, 1 << 20, &b, &msg) == ERR_NONE, "%s", msg.text);
    ck_assert_msg(slice_eqz(buf_slice(&b), want), "%s: %.*s", path, SLICE_ARG(buf_slice(&b)));
    buf_free(&b);
}

START_TEST(files_are_replaced_whole)
{
    struct errmsg msg;
    struct stat st;
    enter_folder();
    ck_assert_int_eq(file_replace("a.conf", SLICE("one\n"), &msg), ERR_NONE);
    content_is("a.conf", "one\n");
    ck_assert_int_eq(chmod("a.conf", 0600), 0);
    ck_assert_int_eq(symlink("a.conf", "link"), 0);
    ck_assert_int_eq(file_replace("link", SLICE("two\n"), &msg), ERR_NONE);
    content_is("a.conf", "two\n");
    ck_assert(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
    ck_assert(stat("a.conf", &st) == 0 && (st.st_mode & 0777) == 0600);
    ck_assert_int_eq(file_replace("/dev/null", SLICE("x"), &msg), ERR_REFUSED);
    ck_assert_str_eq(msg.text, "/dev/null is not a regular file");
    ck_assert_int_eq(file_replace("none/x", SLICE("x"), &msg), ERR_NOTFOUND);
    ck_assert_int_eq(file_rename_synced("a.conf", "b.conf", &msg), ERR_NONE);
    ck_assert(!file_exists("a.conf") && file_is_regular("b.conf") && !file_is_regular("."));
    ck_assert_int_eq(file_rename_synced("a.conf", "b.conf", &msg), ERR_NOTFOUND);
    unlink("link");
    unlink("b.conf");
    leave_folder();
}
END_TEST

START_TEST(reading_is_bounded)
{
    struct errmsg msg;
    struct buf b = { 0 };
    enter_folder();
    ck_assert_int_eq(file_replace("a", SLICE("0123456789"), &msg), ERR_NONE);
    ck_assert_int_eq(file_read("a", 9, &b, &msg), ERR_LIMIT);
    ck_assert_int_eq(file_read("a", 10, &b, &msg), ERR_NONE);
    ck_assert_uint_eq(buf_size(&b), 10);
    ck_assert_int_eq(file_read("none", 10, &b, &msg), ERR_NOTFOUND);
    ck_assert_str_eq(msg.text, "open none: No such file or directory");
    buf_free(&b);
    unlink("a");
    leave_folder();
}
END_TEST

START_TEST(partial_appends_are_cut_off)
{
    struct errmsg msg;
    enter_folder();
    int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    ck_assert_int_eq(file_append(fd, SLICE("whole\n"), &msg), ERR_NONE);
    /* A file size limit makes the next write short, then fail. */
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, small = { 10, RLIM_INFINITY };
    getrlimit(RLIMIT_FSIZE, &limit);
    small.rlim_max = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err e = file_append(fd, SLICE("too long for it\n"), &msg);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(e, ERR_IO);
    content_is("log", "whole\n");
    ck_assert_int_eq(file_append(fd, SLICE("more\n"), &msg), ERR_NONE);
    content_is("log", "whole\nmore\n");
    close(fd);
    unlink("log");
    leave_folder();
}
END_TEST

START_TEST(log_lines_have_redis_form)
{
    enter_folder();
    log_open(LOG_LEVEL_VERBOSE, "log", false, "", 0);
    log_set_role('M');
    log_debug("not %s", "seen");
    log_verbose("one %d", 1);
    log_set_level(LOG_LEVEL_WARNING);
    log_notice("not seen");
    log_warning("two");
    ck_assert(log_enabled(LOG_LEVEL_WARNING) && !log_enabled(LOG_LEVEL_NOTICE));
    char big[3000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    log_warning("%s", big);
    log_raw("raw\n");
    struct buf b = { 0 };
    ck_assert_int_eq(file_read("log", 1 << 20, &b, NULL), ERR_NONE);
    *buf_room(&b, 1) = 0;
    int pid, day, year, h, m, s, ms, n = 0;
    char month[4];
    ck_assert_int_eq(sscanf(b.data, "%d:M %2d %3s %4d %2d:%2d:%2d.%3d - one 1\n%n", &pid, &day,
                            month, &year, &h, &m, &s, &ms, &n), 8);
    ck_assert(pid == (int)getpid() && n > 0 && year > 2000);
    ck_assert_ptr_nonnull(strstr(b.data, " # two\n"));
    ck_assert_ptr_null(strstr(b.data, "not"));
    ck_assert_ptr_nonnull(strstr(b.data, "x\nraw\n"));
    ck_assert_uint_lt(b.len, 1400);
    buf_free(&b);
    log_open(LOG_LEVEL_NOTICE, "", false, "", 0);
    unlink("log");
    leave_folder();
}
END_TEST

static atomic_int ran;

static void job(void *arg)
{
    int *v = arg;
    ck_assert_int_eq(*v, atomic_fetch_add(&ran, 1)); /* in order */
    mem_free(v);
}

START_TEST(background_jobs_run_in_order)
{
    struct bg *b = bg_start("test-bg");
    for (int i = 0; i < 1000; i++) {
        int *v = mem_alloc(sizeof(*v));
        *v = i;
        bg_do(b, job, v);
    }
    bg_stop(b); /* runs what is queued */
    ck_assert_int_eq(atomic_load(&ran), 1000);
    b = bg_start("test-bg");
    ck_assert_uint_eq(bg_pending(b), 0);
    bg_stop(b);
}
END_TEST

static int report(void *arg, int fd)
{
    return file_write_all(fd, "hello", 5, NULL) ? 1 : *(int *)arg;
}

static int sleep_long(void *arg, int fd)
{
    sleep(60);
    return 0;
}

static void wait_for(struct child *c, int *code, int *signal_no)
{
    for (int i = 0; i < 1000 && !child_poll(c, code, signal_no); i++) usleep(10000);
    ck_assert_int_eq(c->pid, 0);
}

START_TEST(children_report_and_end)
{
    struct child c;
    int want = 7, code, signal_no;
    char text[16];
    ck_assert_int_eq(child_fork(&c, report, &want), 0);
    wait_for(&c, &code, &signal_no);
    ck_assert(code == 7 && signal_no == 0);
    ck_assert_int_eq(read(c.report_fd, text, sizeof(text)), 5);
    ck_assert_int_eq(read(c.report_fd, text, sizeof(text)), 0);
    close(c.report_fd);
    ck_assert(!child_poll(&c, &code, &signal_no)); /* reported once */
    ck_assert_int_eq(child_fork(&c, sleep_long, NULL), 0);
    ck_assert(!child_poll(&c, &code, &signal_no));
    ck_assert_int_eq(read(c.report_fd, text, sizeof(text)), -1); /* does not block */
    child_kill(&c, SIGTERM);
    wait_for(&c, &code, &signal_no);
    ck_assert_int_eq(signal_no, SIGTERM);
    close(c.report_fd);
}
END_TEST

START_TEST(clocks_go_on)
{
    int64_t a = clock_mono_us(), wall = clock_wall_ms();
    usleep(2000);
    ck_assert_int_ge(clock_mono_us() - a, 2000);
    ck_assert_int_gt(wall, 1600000000000);
    ck_assert_int_ge(clock_wall_us() / 1000, wall);
    ck_assert(clock_entropy() != clock_entropy());
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(files_are_replaced_whole),     UNIT(reading_is_bounded),
    UNIT(partial_appends_are_cut_off),  UNIT(log_lines_have_redis_form),
    UNIT(background_jobs_run_in_order), UNIT(children_report_and_end),
    UNIT(clocks_go_on),
};
UNIT_MAIN("sys", cases)
