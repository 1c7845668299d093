"""Published benchmarks by their own metrics: the released CorrelationQA, POPE, HallusionBench."""
