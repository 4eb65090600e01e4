"""Configurations that were written for mod_wsgi: what is different, what has to change, and changing it."""
