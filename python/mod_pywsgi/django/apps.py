"""What Django is told about this application."""

from django.apps import AppConfig


class PywsgiConfig(AppConfig):
    """Its label is not the package's last name, which is Django's."""

    name = "mod_pywsgi.django"
    label = "mod_pywsgi"
    verbose_name = "mod_pywsgi"
