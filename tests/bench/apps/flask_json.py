"""A JSON page of a framework, as people write it."""

from flask import Flask, jsonify, request

application = Flask(__name__)


@application.route("/items/<int:number>")
def item(number):
    return jsonify(id=number, name="item", tags=["a", "b", "c"], full=request.args.get("full"))
