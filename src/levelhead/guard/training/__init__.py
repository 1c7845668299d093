"""Train detectors: rows, batches, the resumable loop, the export to onnxruntime."""
