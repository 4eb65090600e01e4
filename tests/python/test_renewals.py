"""New certificates by ACME: noticed once each, and not too often."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mod_pywsgi.renewals import Renewals


def stage(store: Path, name: str, *files: str, changed: float = 1000.0) -> None:
    domain = store / "staging" / name
    domain.mkdir(parents=True, exist_ok=True)
    for file in (*files, "job.json"):
        (domain / file).touch()
        os.utime(domain / file, (changed, changed))


def test_each_certificate_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    renewals = Renewals(tmp_path)
    assert not renewals.are_due()  # there is nothing at all yet
    stage(tmp_path, "a.example")
    assert not renewals.are_due()  # asked for, not here
    stage(tmp_path, "a.example", "pubcert.secp256r1.pem")
    assert renewals.are_due()
    assert not renewals.are_due()
    # Whoever may write there cannot have the server restart all the time.
    stage(tmp_path, "a.example", "pubcert.secp256r1.pem", changed=2000.0)
    assert not renewals.are_due()
    now += 61
    assert renewals.are_due()
    now += 61
    assert not renewals.are_due()
    stage(tmp_path, "b.example", "pubcert.pem")
    assert renewals.are_due()
