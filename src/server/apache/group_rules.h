/* group_rules.h: what a process group demands of the scripts that it runs: the main
 * interpreter (preload=On), an owner (script-user=, script-group=), and a place within
 * its chroot=, whose path is then the one that its processes see.
 *
 * Apache worker threads; the last three also the parent.
 */
#ifndef PYW_APACHE_GROUP_RULES_H
#define PYW_APACHE_GROUP_RULES_H

#include <httpd.h>

#include "apache/target.h"

/* Checks the script of the target and turns its paths into those within the chroot.
 * @return OK, also for embedded mode and unknown groups, of which others speak; or the
 * HTTP status to answer with, and the reason has been logged. */
int pyw_group_rules_apply(request_rec *r, struct pyw_target *target);

/* Whether the group demands an owner. */
bool pyw_group_rules_have_owner(const struct pyw_group_conf *group);

/* Whether its processes can see the file at all: not from within another chroot=. */
bool pyw_group_rules_sees(const struct pyw_group_conf *group, const char *path);

/* The path as it is called within the directory `root`; NULL: it lies outside. */
const char *pyw_group_rules_inside(const char *root, const char *path);

#endif
