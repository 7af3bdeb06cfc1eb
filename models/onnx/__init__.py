"""Models on a CPU without torch: ONNX Runtime, `tokenizers` and numpy.

`files` reads and verifies what lies in a model's folder, `session` runs it, `reader` and `encoder`
implement the two Protocols. `exporting`, `graph`, `calibrating` and `weights` make the files, and
only they import torch or onnx.
"""
