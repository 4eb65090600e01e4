"""examples/services does what docs/services.md says, with nothing changed but names and times."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from support import cron, wait

REPO = Path(__file__).parent.parent.parent
EXAMPLE = REPO / "examples" / "services"


def lines_of(text):
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_page_shows_the_example():
    page = (REPO / "docs" / "services.md").read_text()
    [block] = re.findall(r"```apache\n(.*?)```", page, re.DOTALL)
    assert lines_of(block) == lines_of((EXAMPLE / "services.conf").read_text())


@pytest.fixture
def shop(start):
    """The example; queue and uploads are folders of the scratch directory."""
    conf = (EXAMPLE / "services.conf").read_text()
    for old, new in (
        ("user=shop group=shop python-home=/srv/shop/venv", "python-path=@ROOT@/library"),
        ('schedule="15 3 * * *"', f'schedule="{cron.EVERY_SECOND}"'),
        ("/srv/shop/queue", "@SCRATCH@/queue"),
        ("/srv/shop/uploads", "@SCRATCH@/uploads"),
        ("/srv/shop/", "@ROOT@/"),
    ):
        assert old in conf
        conf = conf.replace(old, new)

    def prepare(server):
        cron.library(server.root)
        for name in ("queue", "uploads"):
            (server.scratch / name).mkdir()
            (server.scratch / name).chmod(0o777)
            for number in range(3):
                path = server.scratch / name / f"{number}.json"
                path.write_text(json.dumps({"to": f"user{number}", "text": "Hello"}))
        os.utime(server.scratch / "uploads" / "1.json", (time.time() - 8 * 86400,) * 2)

    return start(
        conf,
        files={name: (EXAMPLE / name).read_text() for name in ("consumer.py", "nightly.py")},
        prepare=prepare,
    )


def test_the_consumer(shop):
    queue = shop.scratch / "queue"
    wait.until(lambda: not list(queue.iterdir()), "an empty queue")
    shop.log.claim("INFO:consumer:to user2: Hello|to user2: Hello")
    shop.log.allow("to user|removed")
    os.kill(consumer_of(shop), signal.SIGTERM)
    wait.until(lambda: len(shop.log.find("PYW0086: .*consumer.py")) == 2, "another one", 15)


def consumer_of(server):
    [line] = server.log.claim("PYW0086: .*consumer.py")
    return int(re.search(r"Process (\d+)", line.text)[1])


def test_the_job(shop):
    uploads = shop.scratch / "uploads"
    wait.until(lambda: len(list(uploads.iterdir())) == 2, "the old file to go")
    shop.log.claim("removed .*/uploads/1.json")
    shop.log.claim("PYW0092: Job 'nightly', run 1: ok")
    shop.log.allow("to user")
    assert sorted(path.name for path in uploads.iterdir()) == ["0.json", "2.json"]
