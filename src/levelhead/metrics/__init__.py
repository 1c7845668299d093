"""Numbers with intervals: pure numpy functions that read no file and know nothing of models or questions.

Every function takes one row for each judged answer. Rows that share a question are not independent: pass the
question of each row as `clusters`, and the interval takes whole questions for what varies. The same rows, and
the same seed where a function draws, give the same numbers, whatever the order of the rows and the names of
the clusters.
"""

from levelhead.metrics._estimate import Estimate
from levelhead.metrics._intervals import difference, mean, proportion
from levelhead.metrics._mcnemar import McNemar, mcnemar
from levelhead.metrics._wilson import wilson

__all__ = ["Estimate", "McNemar", "difference", "mcnemar", "mean", "proportion", "wilson"]
