"""A Django project: mod-pywsgi-express start-server examples/django_site"""

import os
import sys


def main():
    """Run Django's own commands."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
