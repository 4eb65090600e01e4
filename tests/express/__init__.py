"""A server that mod-pywsgi-express starts."""
