"""Imported when the processes start."""

import goods

goods.NAME = goods.NAME.upper()
