"""The one page of the example."""

from django.http import HttpResponse
from django.urls import path


def index(request):
    """One line."""
    return HttpResponse("Hello from Django\n", content_type="text/plain")


urlpatterns = [path("", index)]
