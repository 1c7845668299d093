"""Numbers with intervals: pure numpy functions that read no file and know nothing of models or questions.

Every function takes one row for each judged answer. Rows that share a question are not independent: pass the
question of each row as `clusters`, and the interval takes whole questions for what varies. The same rows, and
the same seed where a function draws, give the same numbers, whatever the order of the rows and the names of
the clusters.

`paired_difference` compares two runs by any metric of scores, confidences or refusals. It takes the twin of
the metric whose name ends in `_statistic`, and `functools.partial` of it where a setting is wanted:
`paired_difference(auroc_statistic, (scores_a, hits_a), (scores_b, hits_b), clusters=questions)`.
"""

from levelhead.metrics._calibration import (
    ReliabilityBin,
    brier,
    brier_statistic,
    expected_calibration_error,
    expected_calibration_error_statistic,
    reliability_bins,
)
from levelhead.metrics._contrast import contrast
from levelhead.metrics._estimate import Estimate
from levelhead.metrics._helpfulness import (
    truthful_helpfulness_of_shares,
    truthful_helpfulness_score,
    truthful_helpfulness_statistic,
)
from levelhead.metrics._holm import holm
from levelhead.metrics._intervals import difference, mean, proportion
from levelhead.metrics._mcnemar import McNemar, mcnemar
from levelhead.metrics._quantile import quantile
from levelhead.metrics._ranking import (
    auroc,
    auroc_statistic,
    average_precision,
    average_precision_statistic,
    f1_at,
    f1_at_statistic,
    false_positive_rate_at_recall,
    false_positive_rate_at_recall_statistic,
)
from levelhead.metrics._refusal import (
    honesty,
    honesty_statistic,
    over_refusal,
    over_refusal_statistic,
    prudence,
    prudence_statistic,
)
from levelhead.metrics._selective import (
    RiskCoverage,
    aurc,
    aurc_statistic,
    e_aurc,
    e_aurc_statistic,
    risk_coverage,
)
from levelhead.metrics._statistic import Metric, Statistic, estimate, paired_difference
from levelhead.metrics._wilson import wilson

__all__ = [
    "Estimate",
    "McNemar",
    "Metric",
    "ReliabilityBin",
    "RiskCoverage",
    "Statistic",
    "aurc",
    "aurc_statistic",
    "auroc",
    "auroc_statistic",
    "average_precision",
    "average_precision_statistic",
    "brier",
    "brier_statistic",
    "contrast",
    "difference",
    "e_aurc",
    "e_aurc_statistic",
    "estimate",
    "expected_calibration_error",
    "expected_calibration_error_statistic",
    "f1_at",
    "f1_at_statistic",
    "false_positive_rate_at_recall",
    "false_positive_rate_at_recall_statistic",
    "holm",
    "honesty",
    "honesty_statistic",
    "mcnemar",
    "mean",
    "over_refusal",
    "over_refusal_statistic",
    "paired_difference",
    "proportion",
    "prudence",
    "prudence_statistic",
    "quantile",
    "reliability_bins",
    "risk_coverage",
    "truthful_helpfulness_of_shares",
    "truthful_helpfulness_score",
    "truthful_helpfulness_statistic",
    "wilson",
]
