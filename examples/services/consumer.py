"""Sends the messages that an application leaves in a directory, one after another.

A program of a process group with threads=0: services.conf runs it.
"""

import json
import logging
import os
import signal
import time
from pathlib import Path

QUEUE = Path(os.environ["QUEUE"])

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("consumer")
is_ending = False


def end(number, frame):
    """Told to end: the message at hand is finished first."""
    global is_ending
    is_ending = True


def send(message):
    log.info("to %s: %s", message["to"], message["text"])  # here goes the real work


def take_next():
    for path in sorted(QUEUE.glob("*.json")):
        send(json.loads(path.read_text()))
        path.unlink()
        return True
    return False


signal.signal(signal.SIGTERM, end)
while not is_ending:
    if not take_next():
        time.sleep(0.5)
