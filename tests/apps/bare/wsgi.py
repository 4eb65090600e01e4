"""A script without the callable."""

applicatoin = None
