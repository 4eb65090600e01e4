#include "application.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "python/runtime.h"
#include "scratch.h"
#include "wsgi/serve.h"

static struct pyw_setup setup;
static struct pyw_writer process_log;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct pyw_pair pairs[] = {
    {PYW_KEY_REQUEST_METHOD, {"", 0}, {"GET", 3}},
    {PYW_KEY_REQUEST_URI, {"", 0}, {"/app/x?a=b", 10}},
    {PYW_KEY_QUERY_STRING, {"", 0}, {"a=b", 3}},
    {PYW_KEY_SCRIPT_NAME, {"", 0}, {"/app", 4}},
    {PYW_KEY_PATH_INFO, {"", 0}, {"/x", 2}},
    {PYW_KEY_SERVER_PROTOCOL, {"", 0}, {"HTTP/1.1", 8}},
    {PYW_KEY_SERVER_NAME, {"", 0}, {"test.local", 10}},
    {PYW_KEY_SERVER_PORT, {"", 0}, {"8080", 4}},
    {PYW_KEY_HTTP_HOST, {"", 0}, {"test.local:8080", 15}},
    {PYW_KEY_URL_SCHEME, {"", 0}, {"http", 4}},
    {0, {"HTTP_X_ODD", 10}, {"caf\xe9", 4}},
};

static void take_log(enum pyw_level level, const char *text, size_t len)
{
    (void)level;
    pthread_mutex_lock(&log_lock);
    pyw_bytes_put(&process_log, text, len);
    pyw_bytes_put(&process_log, "\n", 1);
    pthread_mutex_unlock(&log_lock);
}

const char *application_process_log(void)
{
    return fake_text(&process_log);
}

void application_forget_log(void)
{
    pthread_mutex_lock(&log_lock);
    pyw_bytes_clear(&process_log);
    pthread_mutex_unlock(&log_lock);
}

void application_await_log(const char *text)
{
    bool is_there = false;

    for (int i = 0; i < 3000 && !is_there; i++) {
        pthread_mutex_lock(&log_lock);
        is_there = strstr(fake_text(&process_log), text) != NULL;
        pthread_mutex_unlock(&log_lock);
        usleep(10000);
    }
    ck_assert_msg(is_there, "never in the log: %s", text);
}

static void fill(const char *group, const char *home, const char *python_path)
{
    memset(&setup, 0, sizeof setup);
    pyw_options_init(&setup.options);
    pyw_python_options_init(&setup.python);
    setup.group = group;
    setup.options.home = home;
    setup.options.python_path = python_path;
    setup.threads_per_process = 3;
    setup.maximum_processes = 2;
    setup.server_version[0] = 2;
    setup.server_version[1] = 4;
    setup.server_version[2] = 71;
}

static void start(void)
{
    char why[512] = "";

    pyw_bytes_init(&process_log);
    pyw_serve_register();
    /* Outside of a test, where Check's assertions do not work. */
    if (pyw_runtime_check(&setup, why, sizeof why) != 0 ||
        pyw_runtime_start(&setup, take_log, why, sizeof why) != 0) {
        fprintf(stderr, "%s\n%s\n", why, application_process_log());
        exit(EXIT_FAILURE);
    }
}

void application_start(void)
{
    fill("unit", NULL, NULL);
    start();
}

void application_start_embedded(void)
{
    fill("", NULL, NULL);
    start();
}

void application_start_with_path(const char *home, const char *python_path)
{
    fill("unit", home, python_path);
    start();
}

void application_start_with_own_gils(void)
{
    struct pyw_python_rule *rule;

    fill("unit", NULL, NULL);
    rule = pyw_python_options_add(&setup.python, NULL);
    rule->settings.own_gil = PYW_ON;
    setup.options.interrupt_timeout_s = 5;
    start();
}

void application_start_with_interpreters(unsigned count)
{
    fill("unit", NULL, NULL);
    setup.options.interpreters = count;
    start();
}

const char *application_write(const char *source)
{
    static unsigned count;
    const char *directory = scratch_directory();
    size_t size = strlen(directory) + 32;
    char *path = malloc(size);
    FILE *file;

    ck_assert_ptr_nonnull(path);
    snprintf(path, size, "%s/app%u.wsgi", directory, count++);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(source, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

void application_request(struct fake *fake, const char *script)
{
    fake_init(fake);
    fake->head.script = (struct pyw_span){script, strlen(script)};
    fake->head.callable = PYW_SPAN("application");
    fake->head.application_group = PYW_SPAN("");
    fake->head.arrival_us = 1700000000500000;
    fake->head.queued_us = 1700000000600000;
    fake->head.pairs = pairs;
    fake->head.pair_count = sizeof pairs / sizeof pairs[0];
}

void application_serve(struct fake *fake)
{
    pyw_serve_run(&fake->exchange);
    ck_assert_msg(fake->violation == NULL, "%s", fake->violation);
    ck_assert_msg(fake->has_ended, "the exchange was not ended");
}
