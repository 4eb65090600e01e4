#include "python/sources.h"

/* Made by the Makefile from the files of that name, which are plain ASCII. */
const char pyw_sources_api[] = {
#include <text/api.inc>
    0};

const char pyw_sources_schedule[] = {
#include <text/schedule.inc>
    0};
