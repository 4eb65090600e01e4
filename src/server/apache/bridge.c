#include "apache/bridge.h"

#include <apr_strings.h>
#include <dlfcn.h>
#include <errno.h>
#include <http_core.h>
#include <http_protocol.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "apache/client_body.h"
#include "apache/conf.h"
#include "apache/entry.h"
#include "apache/log.h"
#include "apache/places.h"
#include "apache/python_conf.h"
#include "apache/reply.h"
#include "apache/score.h"
#include "base/embed_api.h"
#include "base/path.h"

#define LIBRARY_NAME "pywsgi-embed.so"

/* The interpreter of this child. `lock` guards the one start; afterwards `api` never
 * changes. */
static struct {
    pthread_mutex_t lock;
    apr_pool_t *pool;
    server_rec *server;
    struct pyw_setup setup;
    struct {
        bool is_tried;
        const struct pyw_embed_api *api; /* NULL: could not be started */
    } shared;
} embedded = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- the exchange --- */

struct bridge {
    struct pyw_exchange exchange; /* first: the operations get a pointer to it */
    request_rec *r;
    struct pyw_client_body body;
    struct pyw_reply reply;
    const struct pyw_part *part; /* between `send` and `finish_send` */
    bool has_failed_body;        /* which has been logged */
    int error;                   /* first failure to send; final */
    int result;
};

static struct bridge *bridge_of(struct pyw_exchange *exchange)
{
    return (struct bridge *)(void *)exchange;
}

static ssize_t read_body(struct pyw_exchange *exchange, void *buffer, size_t len,
                         bool may_block)
{
    struct bridge *bridge = bridge_of(exchange);
    ssize_t got;

    if (!may_block) {
        /* Even without waiting, Apache's filters may run other modules' code: not with
         * the GIL. */
        return -EAGAIN;
    }
    got = pyw_client_body_read(&bridge->body, buffer, len, true);
    if (got < 0 && !bridge->has_failed_body) {
        bridge->has_failed_body = true;
        pyw_client_body_log_error(&bridge->body);
        bridge->reply.error_status = bridge->body.status;
    }
    return got;
}

static int add_head(struct bridge *bridge, const struct pyw_reply_head *head)
{
    const char *why = NULL;

    if (head == NULL || pyw_reply_set_head(&bridge->reply, head, &why) == 0) {
        return 0;
    }
    PYW_LOG(pyw_log_request, bridge->r, REPLY_REFUSED, why);
    return -EPROTO;
}

static int inform(struct pyw_exchange *exchange, const struct pyw_reply_head *head)
{
    struct bridge *bridge = bridge_of(exchange);
    const char *why = NULL;

    if (bridge->error != 0 || pyw_reply_inform(&bridge->reply, head, &why) == 0) {
        return bridge->error;
    }
    PYW_LOG(pyw_log_request, bridge->r, REPLY_REFUSED, why);
    return -EPROTO;
}

static int start_send(struct pyw_exchange *exchange, const struct pyw_part *part)
{
    struct bridge *bridge = bridge_of(exchange);

    if (bridge->error != 0) {
        return bridge->error;
    }
    bridge->part = part;
    return -EAGAIN;
}

static int finish_send(struct pyw_exchange *exchange)
{
    struct bridge *bridge = bridge_of(exchange);
    const struct pyw_part *part = bridge->part;
    int rv;

    if (part == NULL || bridge->error != 0) {
        return bridge->error;
    }
    bridge->part = NULL;
    rv = add_head(bridge, part->head);
    if (rv == 0) {
        rv = pyw_reply_add_data(&bridge->reply, part->body.data, part->body.len);
    }
    if (rv == 0 && part->is_last) {
        /* Head, body and end of stream go down the filters together. */
        bridge->reply.is_early = !bridge->body.is_over;
        bridge->result = pyw_reply_end(&bridge->reply, PYW_OUTCOME_OK);
        return 0;
    }
    if (rv == 0) {
        rv = pyw_reply_push(&bridge->reply, true);
    }
    bridge->error = rv;
    return rv;
}

static int send_file(struct pyw_exchange *exchange, const struct pyw_file_part *file)
{
    struct bridge *bridge = bridge_of(exchange);
    int fd;

    if (bridge->error != 0) {
        return bridge->error;
    }
    bridge->error = add_head(bridge, file->head);
    if (bridge->error != 0) {
        return bridge->error;
    }
    /* Apache may keep the bucket past the request's own close of the file. */
    fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        bridge->error = -errno;
        return bridge->error;
    }
    bridge->error = pyw_reply_add_file(&bridge->reply, fd, file->offset, file->length);
    return bridge->error;
}

static int flush(struct pyw_exchange *exchange)
{
    struct bridge *bridge = bridge_of(exchange);

    if (bridge->error == 0) {
        bridge->error = pyw_reply_push(&bridge->reply, true);
    }
    return bridge->error;
}

static void log_text(struct pyw_exchange *exchange, enum pyw_level level,
                     const char *text, size_t len)
{
    pyw_entry_request(bridge_of(exchange)->r, level, text, len);
}

static bool is_aborted(struct pyw_exchange *exchange)
{
    const struct bridge *bridge = bridge_of(exchange);

    return bridge->error == -EPIPE || bridge->r->connection->aborted;
}

static void end(struct pyw_exchange *exchange, enum pyw_outcome outcome)
{
    struct bridge *bridge = bridge_of(exchange);

    if (!bridge->reply.is_over) {
        bridge->reply.is_early = !bridge->body.is_over;
        bridge->result = pyw_reply_end(&bridge->reply, outcome);
    }
}

static const struct pyw_exchange_ops operations = {
    .read_body = read_body,
    .inform = inform,
    .send = start_send,
    .finish_send = finish_send,
    .send_file = send_file,
    .flush = flush,
    .log = log_text,
    .is_aborted = is_aborted,
    .end = end,
};

/* --- the interpreter --- */

static void log_process(enum pyw_level level, const char *text, size_t len)
{
    pyw_entry_server(embedded.server, level, text, len);
}

/* Where pywsgi-embed.so is: with the environment of WSGIPythonHome, else beside the
 * module. */
static const char *find_library(apr_pool_t *pool, char *why, size_t why_size)
{
    const char *home = pyw_conf_global()->python_home;
    const char *candidates[3];
    size_t count = 0;

    if (home != NULL) {
        candidates[count++] =
            apr_pstrcat(pool, home, "/libexec/mod_pywsgi/" LIBRARY_NAME, NULL);
    }
    candidates[count++] =
        apr_pstrcat(pool, pyw_places_module_dir(), "/" LIBRARY_NAME, NULL);
    candidates[count++] =
        apr_pstrcat(pool, pyw_places_libexec_dir(), "/" LIBRARY_NAME, NULL);
    for (size_t i = 0; i < count; i++) {
        int rv = pyw_path_check(candidates[i], R_OK, why, why_size);

        if (rv == 0) {
            return candidates[i];
        }
        if (rv != -ENOENT) {
            return NULL;
        }
    }
    apr_snprintf(why, why_size,
                 "there is no " LIBRARY_NAME
                 " in '%s', '%s' or the environment of WSGIPythonHome; "
                 "install mod_pywsgi there, or use daemon mode (WSGIDaemonProcess)",
                 pyw_places_module_dir(), pyw_places_libexec_dir());
    return NULL;
}

static const struct pyw_embed_api *load(char *why, size_t why_size)
{
    const char *path = find_library(embedded.pool, why, why_size);
    const struct pyw_embed_api *api;
    void *library;

    if (path == NULL) {
        return NULL;
    }
    /* Global, so that extension modules find libpython's symbols; never closed. */
    library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) {
        apr_snprintf(why, why_size, "%s", dlerror());
        return NULL;
    }
    api = dlsym(library, PYW_EMBED_API_SYMBOL);
    if (api == NULL || api->version != PYW_EMBED_API_VERSION) {
        apr_snprintf(why, why_size,
                     "'%s' is of another version of mod_pywsgi than the Apache module",
                     path);
        return NULL;
    }
    return api;
}

static apr_status_t stop(void *data)
{
    const struct pyw_embed_api *api = data;

    api->stop();
    return APR_SUCCESS;
}

static void start(void)
{
    char reason[1000] = "";
    char why[1024] = "";
    const struct pyw_embed_api *api = load(reason, sizeof(reason));

    if (api == NULL) {
        apr_snprintf(why, sizeof(why), "%s.", reason);
    }
    if (api != NULL && pyw_conf_global()->server_metrics == PYW_ON) {
        api->offer_scoreboard(pyw_score_read);
    }
    if (api != NULL &&
        api->start(&embedded.setup, log_process, why, sizeof(why)) != 0) {
        api = NULL;
    }
    if (api == NULL) {
        PYW_LOG(pyw_log_server, embedded.server, EMBED_FAILED, why);
        return;
    }
    apr_pool_cleanup_register(embedded.pool, api, stop, apr_pool_cleanup_null);
    embedded.shared.api = api;
}

static const struct pyw_embed_api *get_api(void)
{
    const struct pyw_embed_api *api;

    pthread_mutex_lock(&embedded.lock);
    if (!embedded.shared.is_tried) {
        embedded.shared.is_tried = true;
        start();
    }
    api = embedded.shared.api;
    pthread_mutex_unlock(&embedded.lock);
    return api;
}

void pyw_bridge_init_child(apr_pool_t *pchild, server_rec *s)
{
    const struct pyw_global_conf *conf = pyw_conf_global();
    struct pyw_setup *setup = &embedded.setup;

    embedded.server = s;
    /* Freed when the child ends; only the one start allocates from it. */
    apr_pool_create(&embedded.pool, pchild);
    apr_pool_tag(embedded.pool, "pywsgi embedded");
    pyw_options_init(&setup->options);
    setup->group = "";
    setup->options.python_home = conf->python_home;
    pyw_python_conf_fill(setup);
    if (setup->options.python_eggs != NULL) {
        /* Python starts later, when other threads may be looking into the environment.
         */
        (void)setenv("PYTHON_EGG_CACHE", setup->options.python_eggs, 1);
    }
    pyw_places_fill_setup(setup);
    setup->maximum_processes = setup->mpm_processes;
    setup->threads_per_process = setup->mpm_threads;
    /* `httpd -X` on a terminal: what is printed is to be seen there, and pdb works. */
    setup->is_debug = ap_exists_config_define("DEBUG") != 0 ||
                      ap_exists_config_define("ONE_PROCESS") != 0;
    setup->is_multiprocess = setup->maximum_processes > 1;
    pyw_conf_fill_preloads(setup, conf->embedded_preloads);
    if (setup->preload_count > 0 || conf->restrict_embedded == PYW_OFF) {
        (void)get_api(); /* before requests come, on the process's main thread */
    }
}

static int run(request_rec *r, const struct pyw_request_head *head, bool has_body,
               struct pyw_capture *capture)
{
    struct bridge bridge = {.exchange = {.ops = &operations, .head = head}, .r = r};
    const struct pyw_embed_api *api = get_api();

    if (api == NULL) {
        PYW_LOG(pyw_log_request, r, EMBEDDED_DOWN);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (pyw_conf_dir(r)->pass_apache_request == PYW_ON) {
        bridge.exchange.native = r;
    }
    bridge.result = HTTP_INTERNAL_SERVER_ERROR;
    pyw_client_body_init(&bridge.body, r, has_body);
    pyw_reply_init(&bridge.reply, r);
    bridge.reply.capture = capture;
    api->serve(&bridge.exchange);
    if (bridge.result != OK && !bridge.body.is_over) {
        /* Else Apache would wait for the rest of the body before the error page. */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    return bridge.result;
}

int pyw_bridge_run(request_rec *r, const struct pyw_request_head *head, bool has_body)
{
    if (pyw_conf_global()->restrict_embedded == PYW_ON) {
        PYW_LOG(pyw_log_request, r, EMBEDDED_RESTRICTED, r->filename);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return run(r, head, has_body, NULL);
}

void pyw_bridge_ask(request_rec *r, const struct pyw_request_head *head,
                    struct pyw_capture *capture)
{
    (void)run(r, head, false, capture);
}
