/* A birth, seen by a program that tells what it was born with: descriptors,
 * environment, directory, umask, session, identity; and the sentences of births that
 * fail. */
#include "supervisor/spawn.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/private_tmp.h"

static char dir[] = "/tmp/pywsgi-spawn-XXXXXX";
static char program[sizeof(dir) + 16];
static struct pyw_group group;
static char output[65536];

static void write_program(const char *text)
{
    FILE *file = fopen(program, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(program, 0755), 0);
}

static void set_up(void)
{
    char why[512];

    strcpy(dir + sizeof(dir) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    snprintf(program, sizeof(program), "%s/program", dir);
    memset(&group, 0, sizeof(group));
    group.name = "tested";
    group.slots = 1;
    group.cells = 1;
    group.module_dir = "/nonexistent/module";
    group.libexec_dir = "/nonexistent/libexec";
    group.setup.group = "tested";
    group.setup.mpm_name = "";
    pyw_options_init(&group.setup.options);
    group.setup.options.daemon_program = program;
    group.identity.uid = geteuid();
    group.identity.gid = getegid();
    ck_assert_int_eq(pyw_identity_complete(&group.identity, NULL, why, sizeof(why)), 0);
    ck_assert_int_eq(pyw_group_open(&group, dir, "0", (uid_t)-1, why, sizeof(why)), 0);
}

static void tear_down(void)
{
    char command[128];

    pyw_group_close(&group, true);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* Starts the process, keeps what it writes, and gives its exit status. */
static int live(void)
{
    struct pyw_spawn_plan plan = {.slot = 0, .generation = 1};
    struct pyw_spawned spawned;
    const char *step = "";
    int notify[2];
    size_t len = 0;
    int status;

    ck_assert_int_eq(pipe2(notify, O_CLOEXEC), 0);
    plan.notify_fd = notify[1];
    ck_assert_int_eq(pyw_spawn_start(&group, &plan, &spawned, &step), 0);
    for (;;) {
        struct pollfd wanted = {.fd = spawned.log_fd, .events = POLLIN};
        ssize_t got;

        ck_assert_int_eq(poll(&wanted, 1, 10000), 1);
        got = read(spawned.log_fd, output + len, sizeof(output) - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
    }
    output[len] = '\0';
    ck_assert_int_eq(waitpid(spawned.pid, &status, 0), spawned.pid);
    close(spawned.log_fd);
    close(spawned.lifeline_fd);
    close(notify[0]);
    close(notify[1]);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(a_process_is_born_with_what_it_needs_and_no_more)
{
    char home[2048];

    /* 10 is the shell's own, for the script; no pipe, which would be one more. */
    write_program(
        "#!/bin/sh\n"
        "ls -m /proc/$$/fd\n"
        "echo home=$HOME user=$USER lang=$LANG all=$LC_ALL notify=$NOTIFY_SOCKET.\n"
        "echo cwd=$(pwd) umask=$(umask)\n"
        "grep NoNewPrivs /proc/$$/status | tr '\\t' ' '\n"
        "echo session=$(($(cut -d' ' -f6 /proc/$$/stat) == $$))\n");
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1), 0);
    group.setup.options.umask = 027;
    group.setup.options.home = dir;
    group.setup.options.lang = "C.UTF-8";
    group.setup.options.locale = "C.UTF-8";
    ck_assert_int_eq(live(), 0);
    ck_assert_msg(strstr(output, "0, 1, 10, 2, 3, 4, 5, 6, 7\n") != NULL, "%s", output);
    snprintf(home, sizeof(home), "home=%s ", group.identity.home);
    ck_assert_ptr_nonnull(strstr(output, home));
    ck_assert_ptr_nonnull(strstr(output, " lang=C.UTF-8 all=C.UTF-8 notify=.\n"));
    snprintf(home, sizeof(home), "cwd=%s umask=0027\n", dir);
    ck_assert_ptr_nonnull(strstr(output, home));
    ck_assert_ptr_nonnull(strstr(output, "NoNewPrivs: 1\n"));
    ck_assert_ptr_nonnull(strstr(output, "session=1\n"));
}
END_TEST

START_TEST(a_missing_program_is_named_with_the_places_looked_at)
{
    group.setup.options.daemon_program = NULL;
    ck_assert_int_eq(live(), PYW_SPAWN_FAILED);
    ck_assert_ptr_nonnull(strstr(output, "PYW0008"));
    ck_assert_ptr_nonnull(strstr(output, "/nonexistent/module"));
    ck_assert_ptr_nonnull(strstr(output, "pip install /path/to/mod_pywsgi"));
}
END_TEST

START_TEST(a_missing_home_is_named)
{
    write_program("#!/bin/sh\n");
    group.setup.options.home = "/nonexistent/home";
    ck_assert_int_eq(live(), PYW_SPAWN_FAILED);
    ck_assert_ptr_nonnull(strstr(output, "working directory failed: '/nonexistent'"));
}
END_TEST

START_TEST(limits_and_priority_are_set)
{
    write_program("#!/bin/sh\n"
                  "grep -E '^Max (data size|address space)' /proc/$$/limits | "
                  "sed 's/  */ /g'\n"
                  "echo nice=$(cut -d' ' -f19 /proc/$$/stat)\n");
    group.setup.options.memory_limit = INT64_C(512) * 1024 * 1024;
    group.setup.options.virtual_memory_limit = INT64_C(8) * 1024 * 1024 * 1024;
    group.setup.options.cpu_priority = 11;
    ck_assert_int_eq(live(), 0);
    ck_assert_msg(strstr(output, "Max data size 536870912 536870912 bytes") != NULL,
                  "%s", output);
    ck_assert_ptr_nonnull(
        strstr(output, "Max address space 8589934592 8589934592 bytes"));
    ck_assert_ptr_nonnull(strstr(output, "nice=11\n"));
}
END_TEST

START_TEST(a_limit_is_never_raised)
{
    struct rlimit before;
    struct rlimit lower;

    write_program("#!/bin/sh\ngrep '^Max data' /proc/$$/limits | sed 's/  */ /g'\n");
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &before), 0);
    lower = before;
    lower.rlim_cur = lower.rlim_max = (rlim_t)1 << 47; /* more than a sanitizer maps */
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &lower),
                     0); /* in this test's own process */
    group.setup.options.memory_limit = INT64_C(1) << 48;
    ck_assert_int_eq(live(), 0);
    ck_assert_str_eq(output, "Max data size 140737488355328 140737488355328 bytes \n");
}
END_TEST

START_TEST(a_chroot_that_is_gone_is_said)
{
    if (geteuid() != 0) {
        return; /* only root may; the container and CI runs are root */
    }
    write_program("#!/bin/sh\n");
    group.setup.options.chroot = "/nonexistent/jail";
    ck_assert_int_eq(live(), PYW_SPAWN_FAILED);
    ck_assert_msg(
        strstr(output, "chroot failed: chroot=/nonexistent/jail: No such file") != NULL,
        "%s", output);
}
END_TEST

START_TEST(paths_behind_a_chroot_are_those_within)
{
    if (geteuid() != 0) {
        return;
    }
    write_program("#!/bin/sh\n");
    group.setup.options.chroot = dir;
    group.setup.options.home = "/nowhere";
    ck_assert_int_eq(live(), PYW_SPAWN_FAILED);
    ck_assert_msg(strstr(output, "working directory failed: '/nowhere'") != NULL, "%s",
                  output);
}
END_TEST

START_TEST(root_becomes_the_user_for_good)
{
    char why[512];

    if (geteuid() != 0) {
        return; /* only root may; the container and CI runs are root */
    }
    write_program(
        "#!/bin/sh\n"
        "grep -E '^(Uid|Gid|Groups|CapBnd|CapEff):' /proc/$$/status | tr '\\t' ' '\n");
    group.identity.is_changed = true;
    group.identity.uid = 65534;
    group.identity.gid = 65534;
    ck_assert_int_eq(
        pyw_identity_complete(&group.identity, "#65534,#4242", why, sizeof(why)), 0);
    ck_assert_int_eq(live(), 0);
    ck_assert_msg(strstr(output, "Uid: 65534 65534 65534 65534\n") != NULL, "%s",
                  output);
    ck_assert_ptr_nonnull(strstr(output, "Gid: 65534 65534 65534 65534\n"));
    ck_assert_ptr_nonnull(strstr(output, "Groups: 4242 65534 \n"));
    ck_assert_ptr_nonnull(strstr(output, "CapEff: 0000000000000000\n"));
}
END_TEST

START_TEST(a_user_that_may_not_be_become_is_said)
{
    /* Nobody else exists in a user namespace without a map. */
    if (geteuid() != 0 || unshare(CLONE_NEWUSER) != 0) {
        puts("not tested here: a change of user that fails (root, user namespaces)");
        return;
    }
    write_program("#!/bin/sh\n");
    group.identity.is_changed = true;
    group.identity.uid = 65533;
    group.identity.gid = 65533;
    ck_assert_int_eq(live(), PYW_SPAWN_FAILED);
    ck_assert_msg(strstr(output, "change of user failed: the process could not become "
                                 "user '") != NULL,
                  "%s", output);
    ck_assert_ptr_nonnull(strstr(output, ", group 65533: "));
}
END_TEST

START_TEST(a_priority_that_may_not_be_had_is_said)
{
    if (geteuid() != 0 || unshare(CLONE_NEWUSER) != 0) {
        puts("not tested here: a priority that is refused (root, user namespaces)");
        return;
    }
    write_program("#!/bin/sh\n");
    group.setup.options.cpu_priority = -5;
    ck_assert_int_eq(live(), PYW_SPAWN_FAILED);
    ck_assert_msg(strstr(output, "CPU priority failed: cpu-priority=-5: ") != NULL,
                  "%s", output);
}
END_TEST

START_TEST(a_private_tmp_is_the_groups_own)
{
    char why[512] = "";
    char path[64];
    int status;

    snprintf(path, sizeof(path), "/tmp/pywsgi-private-%d", (int)getpid());
    group.tmp_fd = pyw_private_tmp_open(NULL, why, sizeof(why));
    if (group.tmp_fd < 0) {
        ck_assert_ptr_nonnull(strstr(why, "CAP_SYS_ADMIN"));
        group.tmp_fd = 0;
        puts("not tested here: private-tmp=On (mount namespaces)");
        return;
    }
    /* The program itself must lie elsewhere. */
    group.setup.options.daemon_program = "/bin/ls";
    group.setup.options.home = "/";
    ck_assert_int_eq(live(), 0);
    ck_assert_msg(strstr(output, "tmp\n") != NULL, "the root directory: %s", output);
    status = fork();
    if (status == 0) {
        _exit(pyw_private_tmp_enter(group.tmp_fd) == 0 && creat(path, 0600) >= 0 ? 0
                                                                                 : 1);
    }
    ck_assert_int_eq(waitpid(status, &status, 0) > 0 && WEXITSTATUS(status) == 0, 1);
    ck_assert_int_ne(access(path, F_OK), 0);
    group.setup.options.home = "/tmp";
    ck_assert_int_eq(live(), 0);
    ck_assert_ptr_eq(strstr(output, path + strlen("/tmp/")), output);
}
END_TEST

START_TEST(names_and_numbers_of_users)
{
    uid_t uid = 1;

    ck_assert_int_eq(pyw_identity_find_user("root", &uid), 0);
    ck_assert_uint_eq(uid, 0);
    ck_assert_int_eq(pyw_identity_find_user("#4242", &uid), 0);
    ck_assert_uint_eq(uid, 4242);
    ck_assert_int_lt(pyw_identity_find_user("#", &uid), 0);
    ck_assert_int_lt(pyw_identity_find_user("#-1", &uid), 0);
    ck_assert_int_lt(pyw_identity_find_user("#42x", &uid), 0);
    ck_assert_int_lt(pyw_identity_find_user("#4294967295", &uid), 0);
    ck_assert_int_lt(pyw_identity_find_user("no such user", &uid), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supervisor/spawn");
    TCase *tests = tcase_create("spawn");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_process_is_born_with_what_it_needs_and_no_more);
    tcase_add_test(tests, a_missing_program_is_named_with_the_places_looked_at);
    tcase_add_test(tests, a_missing_home_is_named);
    tcase_add_test(tests, limits_and_priority_are_set);
    tcase_add_test(tests, a_limit_is_never_raised);
    tcase_add_test(tests, a_chroot_that_is_gone_is_said);
    tcase_add_test(tests, paths_behind_a_chroot_are_those_within);
    tcase_add_test(tests, root_becomes_the_user_for_good);
    tcase_add_test(tests, a_user_that_may_not_be_become_is_said);
    tcase_add_test(tests, a_priority_that_may_not_be_had_is_said);
    tcase_add_test(tests, a_private_tmp_is_the_groups_own);
    tcase_add_test(tests, names_and_numbers_of_users);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
