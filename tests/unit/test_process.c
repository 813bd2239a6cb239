/* The process's own affairs and the supervisor's datagrams, in forked children where it matters. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/process.h"
#include "core/sys/supervise.h"
#include "tests/unit/check_main.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void folder_make(void)
{
    text_copy(folder, sizeof(folder), "/tmp/tanist-process-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

START_TEST(paths)
{
    struct errmsg m = { "" };
    folder_make();
    ck_assert_int_eq(process_chdir(folder, &m), ERR_NONE);
    static const struct { const char *given, *want; } all[] = {
        { "a.conf", "/a.conf" }, { "./a.conf", "/a.conf" }, { "x/y", "/x/y" },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char *full = process_absolute(all[i].given);
        ck_assert(strncmp(full, folder, strlen(folder)) == 0);
        ck_assert_str_eq(full + strlen(folder), all[i].want);
        mem_free(full);
    }
    char *up = process_absolute("../q"), *root = process_absolute("/etc/x");
    ck_assert_str_eq(up, "/tmp/q");
    ck_assert_str_eq(root, "/etc/x");
    mem_free(up);
    mem_free(root);
    ck_assert_int_ne(process_folder_check("/nowhere", &m), ERR_NONE);
    ck_assert_str_eq(m.text, "No such file or directory");
    ck_assert_int_eq(process_appendable_check(in_folder("log"), &m), ERR_NONE);
    ck_assert(!file_exists(in_folder("log")));
    ck_assert_int_ne(process_appendable_check("/nowhere/log", &m), ERR_NONE);
    rmdir(folder);
}
END_TEST

START_TEST(pid_file_is_its_makers)
{
    struct errmsg m = { "" };
    struct buf text = { 0 };
    char want[32];
    folder_make();
    ck_assert_int_eq(process_pid_file(in_folder("pid"), &m), ERR_NONE);
    ck_assert_int_eq(file_read(in_folder("pid"), 100, &text, &m), ERR_NONE);
    snprintf(want, sizeof(want), "%d\n", (int)getpid());
    ck_assert(slice_eqz(buf_slice(&text), want));
    pid_t pid = fork();
    if (pid == 0) {
        process_pid_file_remove(); /* a child does not take its parent's file away */
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ck_assert(file_exists(in_folder("pid")));
    process_pid_file_remove();
    ck_assert(!file_exists(in_folder("pid")));
    buf_free(&text);
    rmdir(folder);
}
END_TEST

START_TEST(open_files)
{
    struct process_files f;
    process_raise_files(64, &f);
    ck_assert(!f.refused && f.now == f.before); /* never lowered */
}
END_TEST

static int listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    text_copy(addr.sun_path, sizeof(addr.sun_path), path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

START_TEST(systemd_gets_datagrams)
{
    char got[64] = "";
    unsetenv("NOTIFY_SOCKET");
    unsetenv("UPSTART_JOB");
    ck_assert_int_eq(supervise_detect(), SUPERVISE_NONE);
    ck_assert(!supervise_notify("READY=1\n"));
    folder_make();
    int fd = listen_at(in_folder("notify"));
    setenv("NOTIFY_SOCKET", in_folder("notify"), 1);
    ck_assert_int_eq(supervise_detect(), SUPERVISE_SYSTEMD);
    ck_assert(supervise_notify("READY=1\n"));
    ck_assert_int_eq(recv(fd, got, sizeof(got) - 1, 0), 8);
    ck_assert_str_eq(got, "READY=1\n");
    close(fd);
    unlink(in_folder("notify"));
    ck_assert(!supervise_notify("READY=1\n"));
    rmdir(folder);
}
END_TEST

START_TEST(a_crash_is_reported_and_stays_a_crash)
{
    struct buf text = { 0 };
    struct errmsg m = { "" };
    char all[200000];
    int status;
    folder_make();
    pid_t pid = fork();
    if (pid == 0) {
        log_open(LOG_LEVEL_NOTICE, in_folder("log"), false, "", 0);
        crash_enable("Tanist test", NULL, NULL);
        raise(SIGSEGV);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    ck_assert_int_eq(file_read(in_folder("log"), sizeof(all) - 1, &text, &m), ERR_NONE);
    slice_cstr(buf_slice(&text), all, sizeof(all));
    ck_assert_ptr_nonnull(strstr(all, "=== REDIS BUG REPORT START"));
    ck_assert_ptr_nonnull(strstr(all, "Tanist test crashed by signal: 11"));
    ck_assert_ptr_nonnull(strstr(all, "STACK TRACE"));
    buf_free(&text);
    unlink(in_folder("log"));
    rmdir(folder);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(paths),
    UNIT(pid_file_is_its_makers),
    UNIT(open_files),
    UNIT(systemd_gets_datagrams),
    UNIT(a_crash_is_reported_and_stays_a_crash),
};
UNIT_MAIN("process", cases)
