"""What mod_wsgi does and what we do of it: one module for each section of the specification that
`docs/migrating.md` follows (test_1_2_tokens.py is its section 1.2), two where a section is long.

Three sections have no module. 1.9 lists the directives of sections 4.2 to 4.4. 1.11 is about Windows,
which is not supported. 1.14 is about mod_wsgi's log codes; ours are their own, and
tests/lint/check_codes.py sees to it that each is explained.
"""
