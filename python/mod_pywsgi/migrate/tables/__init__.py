"""What mod_wsgi has, name by name, and what became of it. One row a name, one file a section.

Both the command ``migrate`` and the tables of docs/migrating.md are made of these rows; after
a change: ``mod-pywsgi-express docs docs/migrating.md``.
"""
