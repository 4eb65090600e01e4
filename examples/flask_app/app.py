"""A Flask application: mod-pywsgi-express start-server examples/flask_app"""

from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.get("/")
def index():
    """One line, and where the application is mounted."""
    return f"Hello from Flask at {request.script_root or '/'}\n"


@app.get("/json")
def as_json():
    """The usual small answer of an API."""
    return jsonify(message="hello", method=request.method)


@app.get("/count/<int:limit>")
def count(limit):
    """A response that is sent while it is made."""
    return Response((f"{number}\n" for number in range(limit)), mimetype="text/plain")
