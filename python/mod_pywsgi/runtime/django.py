"""The application of a Django project that names none: WSGI_APPLICATION is not set."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
