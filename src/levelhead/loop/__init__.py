"""The loop: measure where a model fails, tune it on that, guard what is left, measure again.

    settings = MeasureSettings(size=SIZES["quick"])
    summary = measure(model, Path("out"), settings)
    broken = broken_gates([read_gate("illusion.adoption_rate>0.2")], summary)

    loop = Loop("embedded+ocr", Path("loop"), LoopSettings())
    summary = loop.run()

The three systems do not know each other; this room is where they meet.
"""

from levelhead.loop.improving._loop import Loop, LoopStoppedError
from levelhead.loop.improving._plan import Step, plan_table
from levelhead.loop.improving._settings import LoopSettings
from levelhead.loop.measuring._gates import Gate, broken_gates, check_gates, read_gate
from levelhead.loop.measuring._measure import failed_rows, measure
from levelhead.loop.measuring._names import NUMBERS, MeasuredNumber
from levelhead.loop.measuring._schema import summary_schema
from levelhead.loop.measuring._settings import SIZES, SUITES, MeasureSettings, Size, Suite, suites_named

__all__ = [
    "NUMBERS",
    "SIZES",
    "SUITES",
    "Gate",
    "Loop",
    "LoopSettings",
    "LoopStoppedError",
    "MeasureSettings",
    "MeasuredNumber",
    "Size",
    "Step",
    "Suite",
    "broken_gates",
    "check_gates",
    "failed_rows",
    "measure",
    "plan_table",
    "read_gate",
    "suites_named",
    "summary_schema",
]
