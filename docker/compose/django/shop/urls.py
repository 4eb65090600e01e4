"""The admin, and a page that asks the database."""

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def index(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone()
    return HttpResponse(f"The database {name} answers.\n", content_type="text/plain")


urlpatterns = [path("", index), path("admin/", admin.site.urls)]
