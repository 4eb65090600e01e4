/* places.h: where the module and its programs lie, and what server this is: facts that
 * are the same for all groups and for embedded mode.
 *
 * Determined once, in the Apache parent (post_config) and at the start of a child;
 * read-only afterwards.
 */
#ifndef PYW_APACHE_PLACES_H
#define PYW_APACHE_PLACES_H

#include <apr_pools.h>

#include "base/setup.h"

void pyw_places_find(apr_pool_t *pool);

const char *pyw_places_module_dir(void);  /* of mod_pywsgi.so, links resolved */
const char *pyw_places_libexec_dir(void); /* where `make install` puts the programs */

/* Before there are threads. */
void pyw_places_init_child(apr_pool_t *pchild);
/* The process id of this child, in decimal. */
const char *pyw_places_pid(void);
/* A variable of the environment as this child began with it, or NULL. Not getenv(): an
 * embedded application may write to the environment at any time. */
const char *pyw_places_env(const char *name);

/* Apache's version and MPM. */
void pyw_places_fill_setup(struct pyw_setup *setup);

#endif
