"""CPU and memory as /proc tells them."""

import os
import socket
import subprocess
import sys
import time

from bench import meter


def test_cpu_of_a_line():
    fields = ["0"] * 50
    fields[meter.UTIME], fields[meter.STIME] = "150", "50"
    text = f"77 (a (strange) name) {' '.join(fields)}"
    assert meter.cpu_of_stat(text) == 200 * meter.TICK


def test_memory_of_a_page():
    text = "55d4-7ffc ---p 00000000 00:00 0   [rollup]\nRss:    900 kB\nPss:    123 kB\nPss_Anon: 7 kB\n"
    assert meter.memory_of_smaps(text) == 123 * 1024
    assert meter.memory_of_smaps("") == 0


def test_cpu_between_two_looks():
    before, after = {1: 1.0, 2: 5.0}, {1: 1.5, 3: 0.25}
    assert meter.cpu_between(before, after) == 0.75


def test_a_real_process_is_metered():
    before = meter.cpu([os.getpid()])
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    assert meter.cpu_between(before, meter.cpu([os.getpid()])) > 0
    size, how = meter.memory([os.getpid()])
    assert size > 1 << 20
    assert how in ("PSS", "RSS")


def test_gone_processes_cost_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert meter.family([process.pid]) == []
    assert meter.cpu([process.pid]) == {}
    assert meter.memory([process.pid])[0] == 0


def test_a_family_holds_the_children():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 10
        while len(meter.family([process.pid])) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(meter.family([process.pid])) == 2
        process.communicate(b"\n")


def test_connections_at_a_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert meter.connections(port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            assert meter.connections(port) == 1
