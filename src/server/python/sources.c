#include "python/sources.h"

/* Made by the Makefile from api.py, which is plain ASCII. */
const char pyw_sources_api[] = {
#include <text/api.inc>
    0};
