"""The campaigns, in the order of the report: a new one is a module here and a line below."""

from __future__ import annotations

from bench.campaigns.base import Campaign
from bench.campaigns.bulk import Bulk
from bench.campaigns.defaults import Defaults
from bench.campaigns.idle import Idle
from bench.campaigns.life import Life
from bench.campaigns.many import Many
from bench.campaigns.sizes import Sizes
from bench.campaigns.slow import Slow
from bench.campaigns.stream import Stream
from bench.campaigns.sweep import Sweep

CAMPAIGNS: tuple[type[Campaign], ...] = (
    Sweep,
    Sizes,
    Idle,
    Many,
    Bulk,
    Stream,
    Slow,
    Defaults,
    Life,
)

__all__ = ["CAMPAIGNS", "Campaign"]
