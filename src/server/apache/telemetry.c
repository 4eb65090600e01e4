#include "apache/telemetry.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/un.h>

#include "apache/conf.h"
#include "apache/daemon_process.h"
#include "apache/log.h"

#define SCHEME "unix:"
#define DEFAULT_INTERVAL_MS 1000
#define LEAST_INTERVAL 0.5
#define LONGEST 86400.0 /* a day */

/* @return false: it is no number of seconds from `least` to a day. */
static bool parse_seconds(const char *text, double least, uint32_t *milliseconds)
{
    char *end = NULL;
    double number = strtod(text, &end);

    /* Digits first: strtod() knows "inf" and "nan", too. */
    if ((!apr_isdigit(text[0]) && text[0] != '.') || *end != '\0' || number < least ||
        number > LONGEST) {
        return false;
    }
    *milliseconds = (uint32_t)(number * 1000 + 0.5);
    return true;
}

static const char *set_path(cmd_parms *cmd, const char *word)
{
    struct sockaddr_un address;
    const char *path = word + strlen(SCHEME);

    if (strncmp(word, SCHEME, strlen(SCHEME)) != 0 || path[0] != '/') {
        return apr_psprintf(
            cmd->pool,
            "WSGITelemetryService '%s': give unix: and the absolute path of "
            "the socket that the datagrams go to.",
            word);
    }
    if (strlen(path) >= sizeof(address.sun_path)) {
        return apr_psprintf(cmd->pool,
                            "WSGITelemetryService: the path of a socket has at most %d "
                            "characters.",
                            (int)sizeof(address.sun_path) - 1);
    }
    pyw_conf_global()->telemetry_path = path;
    return NULL;
}

static const char *set_option(cmd_parms *cmd, const char *name, const char *value)
{
    if (strcmp(name, "interval") != 0) {
        return apr_psprintf(cmd->pool,
                            "Invalid option to WSGI telemetry service definition: %s.",
                            name);
    }
    if (!parse_seconds(value, LEAST_INTERVAL,
                       &pyw_conf_global()->telemetry_interval_ms)) {
        return apr_psprintf(
            cmd->pool,
            "Invalid interval '%s' of WSGITelemetryService: give seconds "
            "from 0.5 to 86400.",
            value);
    }
    return NULL;
}

const char *pyw_telemetry_set_service(cmd_parms *cmd, void *dir_conf,
                                      const char *arguments)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *name;
    const char *value;

    (void)dir_conf;
    if (error == NULL) {
        error = set_path(cmd, ap_getword_conf(cmd->pool, &arguments));
    }
    pyw_conf_global()->telemetry_interval_ms = DEFAULT_INTERVAL_MS;
    while (error == NULL) {
        error = pyw_daemon_process_next_option(cmd, &arguments, "telemetry service",
                                               &name, &value);
        if (error != NULL || name == NULL) {
            break;
        }
        error = set_option(cmd, name, value);
    }
    return error;
}

const char *pyw_telemetry_set_slow(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    struct pyw_global_conf *conf = pyw_conf_global();

    (void)dir_conf;
    if (error == NULL && !parse_seconds(value, 0, &conf->slow_requests_ms)) {
        error = apr_psprintf(
            cmd->pool, "Invalid WSGISlowRequests '%s': give seconds from 0 to 86400.",
            value);
    }
    conf->has_slow_requests = error == NULL;
    return error;
}

static const char *set_capture(cmd_parms *cmd, const char *word, bool is_on)
{
    if (strcasecmp(word, "CaptureUserAgent") != 0) {
        return apr_psprintf(
            cmd->pool,
            "Invalid WSGITelemetryOptions '%s': there are None, All and "
            "CaptureUserAgent.",
            word);
    }
    pyw_conf_global()->telemetry_user_agent = is_on;
    return NULL;
}

/* One word that stands for itself. */
static const char *set_absolute(cmd_parms *cmd, const char *word)
{
    bool is_all = strcasecmp(word, "All") == 0;

    if (is_all || strcasecmp(word, "None") == 0) {
        pyw_conf_global()->telemetry_user_agent = is_all;
        return NULL;
    }
    return set_capture(cmd, word, true);
}

const char *pyw_telemetry_set_options(cmd_parms *cmd, void *dir_conf,
                                      const char *arguments)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    bool is_relative = false;
    int count = 0;

    (void)dir_conf;
    while (error == NULL && *arguments != '\0') {
        const char *word = ap_getword_conf(cmd->pool, &arguments);
        bool has_sign = word[0] == '+' || word[0] == '-';

        if (count > 0 && has_sign != is_relative) {
            return "WSGITelemetryOptions: either all words have + or - before them, or none "
                   "has.";
        }
        if (count == 0 && !has_sign) {
            pyw_conf_global()->telemetry_user_agent = false;
        }
        is_relative = has_sign;
        count++;
        error = has_sign ? set_capture(cmd, word + 1, word[0] == '+')
                         : set_absolute(cmd, word);
    }
    return error == NULL && count == 0
               ? "WSGITelemetryOptions takes None, All, or options."
               : error;
}

void pyw_telemetry_fill_setup(struct pyw_setup *setup)
{
    const struct pyw_global_conf *conf = pyw_conf_global();

    setup->telemetry_path = conf->telemetry_path;
    setup->telemetry_interval_ms = conf->telemetry_interval_ms;
    setup->has_slow_requests = conf->has_slow_requests;
    setup->slow_requests_ms = conf->slow_requests_ms;
    setup->telemetry_user_agent = conf->telemetry_user_agent;
}

void pyw_telemetry_check(server_rec *s)
{
    const struct pyw_global_conf *conf = pyw_conf_global();

    if (conf->has_slow_requests && conf->telemetry_path == NULL) {
        PYW_LOG(pyw_log_server, s, SLOW_UNHEARD);
    }
}
