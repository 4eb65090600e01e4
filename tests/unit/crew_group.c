#include "crew_group.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"
#include "supervisor/turn.h"

static char dir[] = "/tmp/pywsgi-crew-XXXXXX";
char program[sizeof(dir) + 16];
struct pyw_group group;
struct pyw_crew crew;
static int notify[2];
unsigned complaints;
unsigned signals;

static void take_log(void *where, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void take_log(void *where, enum pyw_level level, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    (void)where;
    (void)level;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    complaints += strstr(text, "PYW0023") != NULL ? 1 : 0;
    signals += strstr(text, "PYW0002") != NULL ? 1 : 0;
}

/* --- the group --- */

void write_again(void)
{
    FILE *file = fopen(program, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("#!/bin/sh\nexec sleep 300\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(program, 0755), 0);
}

static void write_program(void)
{
    strcpy(dir + sizeof(dir) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    snprintf(program, sizeof(program), "%s/program", dir);
    write_again();
}

static void open_crew(void)
{
    char why[512];

    ck_assert_int_eq(pyw_group_open(&group, dir, "0", (uid_t)-1, why, sizeof(why)), 0);
    ck_assert_int_eq(pyw_crew_init(&crew, &group, take_log, notify[1]), 0);
}

void begin(uint32_t processes, int64_t max_unavailable)
{
    char why[512];

    write_program();
    memset(&group, 0, sizeof(group));
    complaints = 0;
    signals = 0;
    group.name = "tested";
    group.slots = processes * 2;
    group.cells = 1;
    group.setup.group = "tested";
    group.setup.mpm_name = "";
    pyw_options_init(&group.setup.options);
    group.setup.options.daemon_program = program;
    group.setup.options.processes_least = processes;
    group.setup.options.processes = processes;
    group.setup.options.max_unavailable = max_unavailable;
    group.identity.uid = geteuid();
    group.identity.gid = getegid();
    ck_assert_int_eq(pyw_identity_complete(&group.identity, NULL, why, sizeof(why)), 0);
    ck_assert_int_eq(pipe2(notify, O_CLOEXEC | O_NONBLOCK), 0);
    open_crew();
}

void begin_programs(uint32_t processes)
{
    begin(processes, 0);
    pyw_crew_free(&crew);
    pyw_group_close(&group, true);
    group.setup.options.threads = 0;
    group.turn_file = pyw_turn_create();
    ck_assert_int_ge(group.turn_file, 0);
    open_crew();
}

void begin_another(struct pyw_crew *another)
{
    ck_assert_int_eq(pyw_crew_init(another, &group, take_log, notify[1]), 0);
}

struct pyw_process *at(uint32_t slot)
{
    return &crew.processes[slot];
}

uint32_t in_state(enum pyw_state state)
{
    uint32_t found = 0;

    for (uint32_t slot = 0; slot < group.slots; slot++) {
        found += !pyw_process_is_empty(at(slot)) && at(slot)->state == state ? 1 : 0;
    }
    return found;
}

/* It ends by that signal, and the crew is told. */
void end_by(struct pyw_process *process, int number)
{
    int status;

    ck_assert_int_eq(kill(process->pid, number), 0);
    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    pyw_logpipe_close(&process->output, NULL, NULL);
    pyw_crew_reap(&crew, process, status);
}

void finish(void)
{
    char command[128];

    for (uint32_t slot = 0; slot < group.slots; slot++) {
        if (!pyw_process_is_empty(at(slot))) {
            end_by(at(slot), SIGKILL);
        }
    }
    pyw_crew_free(&crew);
    pyw_group_close(&group, true);
    close(notify[0]);
    close(notify[1]);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* --- what happens --- */

struct pyw_process *find(enum pyw_state state)
{
    for (uint32_t slot = 0; slot < group.slots; slot++) {
        if (!pyw_process_is_empty(at(slot)) && at(slot)->state == state) {
            return at(slot);
        }
    }
    ck_abort_msg("no process is %s", pyw_table_state_name(state));
    return NULL;
}

void tend(void)
{
    pyw_crew_follow(&crew);
    pyw_crew_tend(&crew);
}

void report(struct pyw_process *process, enum pyw_report said)
{
    pyw_table_report(group.table, process->slot, process->generation, said);
    tend();
}

void wish(struct pyw_process *process, enum pyw_wish wanted)
{
    pyw_table_wish(group.table, process->slot, wanted);
    tend();
}

/* The group is up. */
void fill(void)
{
    tend();
    while (in_state(PYW_STATE_STARTING) > 0) {
        report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    }
    ck_assert_uint_eq(in_state(PYW_STATE_READY), crew.target);
}

/* There is something to do at a time, and it comes. */
void wait_due(void)
{
    int64_t due_ms = pyw_crew_deadline_ms(&crew);

    ck_assert_int_ne(due_ms, PYW_CLOCK_NEVER);
    while (pyw_clock_now_ms() < due_ms) {
        usleep(1000);
    }
    tend();
}

void assert_at_rest(void)
{
    tend();
    ck_assert_int_eq(pyw_crew_deadline_ms(&crew), PYW_CLOCK_NEVER);
}
