"""The benchmark: servers side by side in one run. `python tests/bench/run.py --help`."""
