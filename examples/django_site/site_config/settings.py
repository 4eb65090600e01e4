"""Settings of the example. A real site reads its SECRET_KEY from elsewhere."""

SECRET_KEY = "only-for-this-example"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "site_config.urls"
WSGI_APPLICATION = "site_config.wsgi.application"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
