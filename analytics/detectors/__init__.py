"""What a kind works out of its readings for the rules that look at more than one channel or more than one moment."""

from typing import Final

from analytics.detectors.base import Detector
from analytics.detectors.conduct import Conduct
from analytics.detectors.cycles import Cycles
from analytics.detectors.gauges import Gauges
from analytics.detectors.hook import Hook
from analytics.detectors.lean import Lean
from analytics.detectors.proof import Proof
from analytics.detectors.switches import Switches
from analytics.detectors.vane import Vane
from analytics.detectors.zones import Zones

# In this order: cycles and the lean ask whether a load is in the air.
DETECTORS: Final[tuple[type[Detector], ...]] = (Hook, Cycles, Switches, Zones, Vane, Conduct, Gauges, Lean, Proof)
