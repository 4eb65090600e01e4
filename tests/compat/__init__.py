"""What mod_wsgi does and what we do of it: one module for each section of the specification that
`docs/migrating.md` follows (test_1_2_tokens.py is its section 1.2).
"""
