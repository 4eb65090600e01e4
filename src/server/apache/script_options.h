/* script_options.h: the options that follow a script in a directive:
 * `process-group=NAME application-group=NAME callable-object=NAME
 * pass-authorization=On|Off`.
 *
 * Apache parent, while it reads the configuration.
 */
#ifndef PYW_APACHE_SCRIPT_OPTIONS_H
#define PYW_APACHE_SCRIPT_OPTIONS_H

#include <httpd.h>

#include <http_config.h>

#include "apache/conf.h"

/* The options that a directive takes. */
enum pyw_script_option {
    PYW_SCRIPT_PROCESS_GROUP = 1,
    PYW_SCRIPT_APPLICATION_GROUP = 2,
    PYW_SCRIPT_CALLABLE = 4,
    PYW_SCRIPT_AUTHORIZATION = 8
};

/* Reads the rest of a line. `what` names the thing in errors: "script alias"; `allowed`
 * is a set of the above. @return NULL or an error sentence. */
const char *pyw_script_options_read(cmd_parms *cmd, const char **line, const char *what,
                                    unsigned allowed,
                                    struct pyw_script_options *options);

/* Has a script imported when the processes of the group start ("" is embedded mode), on
 * behalf of the directive that is being read; twice is once. `mount`: the URL that it
 * serves, NULL: not known. `is_wish`: where there are too many, its first request loads
 * it. @return NULL, or why not. */
const char *pyw_script_options_queue(cmd_parms *cmd, const char *script,
                                     const struct pyw_script_options *options,
                                     const char *mount, bool is_wish);

/* The same for a list of struct pyw_preload. @return false: there are too many. */
bool pyw_script_options_enqueue(apr_array_header_t *queue,
                                const struct pyw_preload *wanted);

#endif
