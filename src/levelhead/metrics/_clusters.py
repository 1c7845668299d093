"""Rows that share a question, taken together: their sums, their order, how many rows they are worth."""

from __future__ import annotations

import numpy as np

from levelhead.metrics._inputs import FloatArray, IdArray


def cluster_totals(columns: FloatArray, ids: IdArray) -> FloatArray:
    """Sum the rows of each cluster.

    Rows and clusters are first ordered by their contents, so that neither the order of the rows nor the names
    of the clusters reaches a random draw or the rounding.

    Args:
        columns: What is summed. Shape (rows, columns).
        ids: The cluster of each row. Shape (rows,).

    Returns:
        One line for each cluster. Shape (clusters, columns).
    """
    order = np.lexsort(columns.T)
    _, codes = np.unique(ids[order], return_inverse=True)
    totals: FloatArray = np.column_stack([np.bincount(codes, weights=column) for column in columns[order].T])
    return totals[np.lexsort(totals.T)]


def arrange(columns: FloatArray, ids: IdArray) -> tuple[FloatArray, IdArray]:
    """Put rows that share a cluster next to each other.

    Rows and clusters are ordered by their contents, so that neither the order of the rows nor the names of
    the clusters reaches a random draw or the rounding.

    Args:
        columns: What is known of each row, of which there is at least one. Shape (rows, columns).
        ids: The cluster of each row. Shape (rows,).

    Returns:
        The rows in order, and how many the first cluster has, the second, and so on. Shapes (rows, columns)
        and (clusters,).
    """
    order = np.lexsort(columns.T)
    columns, ids = columns[order], ids[order]
    is_new = np.any(columns[1:] != columns[:-1], axis=1)
    kinds = np.concatenate([[0], np.cumsum(is_new)])  # equal rows are of one kind
    _, codes = np.unique(ids, return_inverse=True)
    by_cluster = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[by_cluster])) + 1
    clusters = np.split(by_cluster, starts)
    # Any order will do that goes by nothing but contents.
    clusters.sort(key=lambda rows: kinds[rows].tobytes())
    return columns[np.concatenate(clusters)], np.array([len(rows) for rows in clusters])


def effective_rows(totals: FloatArray) -> float:
    r"""How many independent rows would tell a rate as precisely as these clusters do.

    .. math::
        n_\text{eff} = \min\left(n,\; \frac{\hat p (1 - \hat p)}{v}\right), \qquad
        v = \frac{G}{G - 1} \cdot \frac{1}{n^2} \sum_{g=1}^{G} (s_g - \hat p\, m_g)^2

    where :math:`s_g` counts the hits and :math:`m_g` the rows of cluster :math:`g`, :math:`n` is the sum of
    the :math:`m_g`, :math:`\hat p` the hits over :math:`n`, and :math:`v` the cluster-robust variance of
    :math:`\hat p`.

    If all clusters have the same rate (all right, all wrong, a single cluster), then :math:`v` is 0 and
    tells nothing; the result is :math:`G`, the most cautious reading, which takes the rows of a cluster for
    repeats of each other.

    Args:
        totals: Hits and rows of each cluster, of which there is at least one. Shape (clusters, 2).

    Returns:
        A number from 1 to the number of rows. It needs no floor: two clusters that contradict each other
        give 1, and nothing gives less.

    Source: E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of
        positive counts estimated from survey data", Survey Methodology 24, 1998.
    """
    hits, rows = totals.T
    n, right, clusters = float(rows.sum()), float(hits.sum()), len(totals)
    # n times the formula's residuals: whole numbers, so that equal rates give an exact 0.
    residuals = n * hits - right * rows
    spread = float((residuals**2).sum())
    if spread == 0:
        return float(clusters)
    return min(n, right * (n - right) * n**2 * (clusters - 1) / (clusters * spread))
