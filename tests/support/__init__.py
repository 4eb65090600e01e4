"""What the tests are built from: a private Apache, a byte-exact client, and eyes on /proc.

Nothing in here is a test, and nothing in here knows what a particular test wants.
"""
