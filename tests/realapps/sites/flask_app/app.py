"""A Flask application that streams, both ways."""

import hashlib
import time

from flask import Flask, Response, jsonify, request, stream_with_context

app = Flask(__name__)


@app.get("/")
def index():
    """Proof of life."""
    return f"Flask at {request.script_root or '/'}\n"


@app.get("/ticks/<int:count>")
def ticks(count):
    """Lines that are sent as they are made, a moment apart; each says when it was made."""

    def lines():
        for number in range(count):
            yield f"{number} {time.time():.6f} {request.args.get('note', '')}\n"
            time.sleep(0.1)

    return Response(stream_with_context(lines()), mimetype="text/plain")


@app.post("/echo")
def echo():
    """The request's body, given back while it is still being read."""

    def chunks():
        while chunk := request.stream.read(65536):
            yield chunk

    return Response(stream_with_context(chunks()), mimetype="application/octet-stream")


@app.post("/files")
def files():
    """What arrived by a form: the fields, and a digest of each file."""
    digests = {}
    for name, file in request.files.items():
        digest = hashlib.sha256()
        while chunk := file.stream.read(65536):
            digest.update(chunk)
        digests[name] = [file.filename, digest.hexdigest()]
    return jsonify(fields=request.form, files=digests)


@app.get("/break")
def breaks():
    """A response that fails half-way."""

    def half():
        yield "the first half\n" * 1000
        raise RuntimeError("the second half is missing")

    return Response(half(), mimetype="text/plain")
