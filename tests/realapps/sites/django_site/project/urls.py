"""The admin, and the pages of the workshop."""

from django.contrib import admin
from django.urls import path
from workshop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.index),
    path("documents/", views.documents),
    path("documents/<int:number>", views.document),
    path("failing", views.failing),
]
