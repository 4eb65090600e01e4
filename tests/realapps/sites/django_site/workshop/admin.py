"""Documents can be managed in the admin."""

from django.contrib import admin

from workshop.models import Document

admin.site.register(Document)
