"""Loading: what the commands of a batch need to know, in a constant number of queries whatever their number.

Contacts are locked in key order first; then the clock is read; then come ids seen before, runs, the past and earlier
events.
"""

from __future__ import annotations
