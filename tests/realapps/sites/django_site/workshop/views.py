"""Pages that use what sites use: sessions, forms, the database, files."""

import hashlib

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from workshop.models import Document


class DocumentForm(forms.ModelForm):
    """The upload form."""

    class Meta:
        model = Document
        fields = ("title", "file")


def index(request):
    """Counts the visits of one browser."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    name = request.user.get_username() or "stranger"
    return HttpResponse(f"Visit {request.session['visits']} of {name}\n", content_type="text/plain")


@login_required
def documents(request):
    """The list of documents, and the form to add one."""
    form = DocumentForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return redirect(f"/documents/{form.save().pk}")
    known = Document.objects.order_by("pk")
    return render(request, "workshop/documents.html", {"form": form, "documents": known})


@login_required
def document(request, number):
    """A document itself, or (?digest) what the server makes of it."""
    found = get_object_or_404(Document, pk=number)
    if "digest" not in request.GET:
        return FileResponse(found.file.open(), as_attachment=True)
    digest = hashlib.sha256()
    with found.file.open() as file:
        for chunk in file.chunks():
            digest.update(chunk)
    return JsonResponse({"size": found.file.size, "sha256": digest.hexdigest()})


def failing(request):
    """A defect of the application."""
    raise LookupError("this page always fails")
