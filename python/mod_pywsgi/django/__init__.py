"""An application for INSTALLED_APPS of a Django project: ``manage.py runpywsgi``."""
