/* The zygotes of a group: one is ready, another takes over. They are shell scripts that
 * say what a zygote says, and sleep. */
#include "supervisor/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/socket.h"
#include "suite.h"

static char dir[] = "/tmp/pywsgi-zygote-XXXXXX";
static char program[sizeof(dir) + 16];
static struct pyw_group group;
static struct pyw_zygotes zygotes;
static int notify[2];
static char said[8192];

static void take_log(void *where, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void take_log(void *where, enum pyw_level level, const char *format, ...)
{
    size_t len = strlen(said);
    va_list arguments;

    (void)where;
    (void)level;
    va_start(arguments, format);
    vsnprintf(said + len, sizeof(said) - len, format, arguments);
    va_end(arguments);
}

static void begin(const char *script, int64_t startup_timeout_s)
{
    FILE *file;
    char why[512];

    strcpy(dir + sizeof(dir) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    snprintf(program, sizeof(program), "%s/program", dir);
    file = fopen(program, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, "#!/bin/sh\n%s\nexec sleep 300\n", script), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(program, 0755), 0);
    memset(&group, 0, sizeof(group));
    said[0] = '\0';
    group.name = "tested";
    group.cells = 1;
    group.slots = 2;
    group.cells = 1;
    group.setup.group = "tested";
    group.setup.mpm_name = "";
    pyw_options_init(&group.setup.options);
    group.setup.options.daemon_program = program;
    group.setup.options.is_preload = true;
    group.setup.options.startup_timeout_s = startup_timeout_s;
    group.identity.uid = geteuid();
    group.identity.gid = getegid();
    ck_assert_int_eq(pyw_identity_complete(&group.identity, NULL, why, sizeof(why)), 0);
    ck_assert_int_eq(pyw_group_open(&group, dir, "0", (uid_t)-1, why, sizeof(why)), 0);
    ck_assert_int_eq(pipe2(notify, O_CLOEXEC | O_NONBLOCK), 0);
    pyw_zygotes_init(&zygotes, &group, take_log, notify[1]);
}

static struct pyw_zygote *find(enum pyw_zygote_state state)
{
    for (size_t i = 0; i < PYW_ZYGOTES_MAX; i++) {
        if (zygotes.all[i].state == state) {
            return &zygotes.all[i];
        }
    }
    return NULL;
}

static struct pyw_zygote *start(void)
{
    const char *step = "";

    ck_assert(pyw_zygotes_lack(&zygotes));
    ck_assert_int_eq(pyw_zygotes_start(&zygotes, false, &step), 0);
    ck_assert(!pyw_zygotes_lack(&zygotes));
    return find(PYW_ZYGOTE_STARTING);
}

/* Until its first word, or its end, has been heard. */
static struct pyw_zygote *hear(struct pyw_zygote *zygote)
{
    struct pollfd lifeline = {.fd = zygote->lifeline_fd, .events = POLLIN};

    ck_assert_int_eq(poll(&lifeline, 1, 10000), 1);
    pyw_zygote_hear(&zygotes, zygote);
    return zygote;
}

static enum pyw_zygote_end end_by(struct pyw_zygote *zygote, int number)
{
    int status;

    (void)kill(zygote->pid, number);
    ck_assert_int_eq(waitpid(zygote->pid, &status, 0), zygote->pid);
    pyw_logpipe_close(&zygote->output, NULL, NULL);
    return pyw_zygote_reap(&zygotes, zygote, status, false);
}

static void finish(void)
{
    char command[128];

    for (size_t i = 0; i < PYW_ZYGOTES_MAX; i++) {
        if (zygotes.all[i].state != PYW_ZYGOTE_NONE) {
            (void)end_by(&zygotes.all[i], SIGKILL);
        }
    }
    ck_assert(pyw_zygotes_are_gone(&zygotes));
    pyw_group_close(&group, true);
    close(notify[0]);
    close(notify[1]);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(no_order_before_it_is_ready)
{
    struct pyw_zygote *zygote;

    begin("printf R >&6", 0);
    ck_assert(pyw_zygotes_are_gone(&zygotes));
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, false), -1);
    zygote = start();
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, false), -1);
    ck_assert(!pyw_zygotes_are_gone(&zygotes));
    hear(zygote);
    ck_assert_int_eq(zygote->state, PYW_ZYGOTE_READY);
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, false), zygote->lifeline_fd);
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, true), zygote->lifeline_fd);
    finish();
}
END_TEST

START_TEST(one_that_could_not_load_takes_orders)
{
    begin("printf L >&6", 0);
    ck_assert_int_eq(hear(start())->state, PYW_ZYGOTE_READY);
    finish();
}
END_TEST

START_TEST(what_it_says_else_means_nothing)
{
    begin("printf DSX >&6", 0);
    ck_assert_int_eq(hear(start())->state, PYW_ZYGOTE_STARTING);
    finish();
}
END_TEST

START_TEST(another_takes_over_when_scripts_are_read_anew)
{
    struct pyw_zygote *first;
    struct pyw_zygote *second;

    begin("printf R >&6", 0);
    first = hear(start());
    pyw_zygotes_renew(&zygotes);
    /* Who replaces another waits for what is new; who takes an empty place does not. */
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, true), -1);
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, false), first->lifeline_fd);
    second = start();
    ck_assert_int_eq(first->state, PYW_ZYGOTE_READY);
    hear(second);
    ck_assert_int_eq(second->state, PYW_ZYGOTE_READY);
    ck_assert_int_eq(first->state, PYW_ZYGOTE_ENDING);
    ck_assert_int_eq(first->lifeline_fd, -1);
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, true), second->lifeline_fd);
    ck_assert_int_eq(end_by(first, SIGKILL), PYW_ZYGOTE_WAS_TOLD);
    ck_assert_int_eq(zygotes.quick_ends, 0);
    finish();
}
END_TEST

START_TEST(an_import_that_began_too_early_begins_again)
{
    struct pyw_zygote *early;

    begin(":", 0);
    early = start();
    pyw_zygotes_renew(&zygotes);
    ck_assert_int_eq(early->state, PYW_ZYGOTE_ENDING);
    ck_assert_ptr_ne(start(), early);
    pyw_zygotes_enforce(&zygotes, pyw_clock_now_ms());
    ck_assert_int_eq(end_by(early, SIGKILL), PYW_ZYGOTE_WAS_TOLD);
    finish();
}
END_TEST

START_TEST(one_that_does_not_load)
{
    begin("exit 3", 0);
    ck_assert_int_eq(end_by(hear(start()), 0), PYW_ZYGOTE_DID_NOT_LOAD);
    ck_assert_ptr_nonnull(strstr(said, "PYW0134"));
    ck_assert_ptr_nonnull(strstr(said, "status 3"));
    ck_assert(pyw_zygotes_lack(&zygotes));
    ck_assert_int_eq(zygotes.retry_at_ms, 0); /* that is the crew's to say */
    finish();
}
END_TEST

START_TEST(one_that_dies_at_once_is_backed_off)
{
    begin("printf R >&6", 0);
    ck_assert_int_eq(end_by(hear(start()), SIGSEGV), PYW_ZYGOTE_WAS_READY);
    ck_assert_ptr_nonnull(strstr(said, "PYW0136"));
    ck_assert_ptr_nonnull(strstr(said, "SIGSEGV"));
    ck_assert_int_gt(zygotes.retry_at_ms, pyw_clock_now_ms());
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, false), -1);
    finish();
}
END_TEST

START_TEST(an_import_has_its_time)
{
    struct pyw_zygote *zygote;
    int64_t now_ms;

    begin(":", 100);
    zygote = start();
    now_ms = zygote->since_ms + 100000;
    ck_assert_int_eq(pyw_zygotes_deadline_ms(&zygotes), now_ms);
    pyw_zygotes_enforce(&zygotes, now_ms - 1);
    ck_assert_ptr_null(strstr(said, "PYW0135"));
    pyw_zygotes_enforce(&zygotes, now_ms);
    ck_assert_ptr_nonnull(strstr(said, "PYW0135"));
    ck_assert_int_eq(end_by(zygote, 0), PYW_ZYGOTE_DID_NOT_LOAD);
    ck_assert_ptr_null(strstr(said, "PYW0134")); /* it has been said */
    ck_assert_int_eq(pyw_zygotes_deadline_ms(&zygotes), PYW_CLOCK_NEVER);
    finish();
}
END_TEST

START_TEST(a_fork_has_its_time)
{
    struct pyw_zygote *zygote;
    int64_t until_ms;

    begin("printf R >&6", 0);
    pyw_zygotes_await(&zygotes, true); /* of nobody: that is no matter */
    zygote = hear(start());
    ck_assert_int_eq(pyw_zygotes_deadline_ms(&zygotes), PYW_CLOCK_NEVER);
    pyw_zygotes_await(&zygotes, true);
    until_ms = pyw_zygotes_deadline_ms(&zygotes);
    ck_assert_int_gt(until_ms, pyw_clock_now_ms() + 5000);
    pyw_zygotes_await(&zygotes, true); /* the clock runs from the first time on */
    ck_assert_int_eq(pyw_zygotes_deadline_ms(&zygotes), until_ms);
    pyw_zygotes_await(&zygotes, false);
    pyw_zygotes_enforce(&zygotes, until_ms);
    ck_assert_ptr_null(strstr(said, "PYW0139"));
    pyw_zygotes_await(&zygotes, true);
    pyw_zygotes_enforce(&zygotes, until_ms + 60000);
    ck_assert_ptr_nonnull(strstr(said, "PYW0139"));
    ck_assert_int_eq(end_by(zygote, 0), PYW_ZYGOTE_WAS_READY);
    ck_assert_ptr_null(strstr(said, "PYW0136")); /* it has been said */
    finish();
}
END_TEST

static void check_is_given_up(struct pyw_zygote *zygote)
{
    ck_assert_int_eq(pyw_zygotes_order_fd(&zygotes, false), -1);
    ck_assert_int_lt(pyw_zygotes_deadline_ms(&zygotes), pyw_clock_now_ms() + 10000);
    pyw_zygotes_enforce(&zygotes, pyw_zygotes_deadline_ms(&zygotes));
    ck_assert_int_eq(end_by(zygote, 0), PYW_ZYGOTE_WAS_READY); /* it was killed */
    ck_assert(pyw_zygotes_lack(&zygotes));
}

START_TEST(one_that_lives_on_without_its_lifeline_is_replaced)
{
    struct pyw_zygote *zygote;

    begin("printf R >&6; exec 6>&-", 0);
    zygote = hear(start());
    hear(zygote);
    check_is_given_up(zygote);
    finish();
}
END_TEST

START_TEST(one_that_takes_no_orders_is_replaced)
{
    struct pyw_zygote *zygote;

    begin("printf R >&6", 0);
    zygote = hear(start());
    pyw_zygotes_lose(&zygotes);
    check_is_given_up(zygote);
    pyw_zygotes_lose(&zygotes); /* there is none */
    finish();
}
END_TEST

/* What was ordered of a zygote is told to end before it is known. */
START_TEST(the_output_of_a_process_that_was_abandoned_is_closed)
{
    struct pyw_process process;
    const char *step = "";
    int output[2];
    int status;

    begin(":", 0);
    ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
    pyw_process_init(&process, &group, take_log, 0);
    pyw_logpipe_init(&process.output, output[0], 0);
    process.is_awaited = true;
    pyw_process_stop(&process, 0);
    ck_assert(pyw_process_is_empty(&process));
    ck_assert_int_eq(pyw_process_spawn(&process, notify[1], false, &step), 0);
    ck_assert_int_eq(fcntl(output[0], F_GETFD), -1);
    close(output[1]);
    ck_assert_int_eq(kill(process.pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(process.pid, &status, 0), process.pid);
    pyw_logpipe_close(&process.output, NULL, NULL);
    ck_assert(pyw_process_reap(&process, status, false));
    finish();
}
END_TEST

/* @return whether the other side has closed it. */
static bool is_refused(int client)
{
    char byte;

    return recv(client, &byte, 1, MSG_DONTWAIT) == 0;
}

/* A supervisor that died, or a process that did, was chosen by a child a moment before.
 */
START_TEST(who_connects_to_an_empty_slot_is_refused)
{
    struct pyw_process process;
    int early;
    int late;

    begin(":", 0);
    early = pyw_socket_connect(group.socket_paths[0], pyw_clock_now_ms() + 1000);
    ck_assert_int_ge(early, 0);
    pyw_process_init(&process, &group, take_log, 0);
    ck_assert(is_refused(early));
    late = pyw_socket_connect(group.socket_paths[0], pyw_clock_now_ms() + 1000);
    ck_assert_int_ge(late, 0);
    pyw_process_enforce(&process, process.refuse_at_ms - 1);
    ck_assert(!is_refused(late));
    pyw_process_enforce(&process, process.refuse_at_ms);
    ck_assert(is_refused(late));
    ck_assert_int_eq(process.refuse_at_ms, PYW_CLOCK_NEVER);
    close(early);
    close(late);
    finish();
}
END_TEST

START_TEST(a_stop_ends_all)
{
    begin("printf R >&6", 0);
    hear(start());
    pyw_zygotes_renew(&zygotes);
    start();
    pyw_zygotes_stop(&zygotes, 60000);
    ck_assert_ptr_null(find(PYW_ZYGOTE_READY));
    ck_assert_ptr_null(find(PYW_ZYGOTE_STARTING));
    ck_assert_int_lt(pyw_zygotes_deadline_ms(&zygotes), pyw_clock_now_ms() + 10000);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {no_order_before_it_is_ready,
                                  one_that_could_not_load_takes_orders,
                                  what_it_says_else_means_nothing,
                                  another_takes_over_when_scripts_are_read_anew,
                                  an_import_that_began_too_early_begins_again,
                                  one_that_does_not_load,
                                  one_that_dies_at_once_is_backed_off,
                                  an_import_has_its_time,
                                  a_fork_has_its_time,
                                  one_that_lives_on_without_its_lifeline_is_replaced,
                                  one_that_takes_no_orders_is_replaced,
                                  the_output_of_a_process_that_was_abandoned_is_closed,
                                  who_connects_to_an_empty_slot_is_refused,
                                  a_stop_ends_all,
                                  NULL};

    return suite_run("zygote", tests);
}
