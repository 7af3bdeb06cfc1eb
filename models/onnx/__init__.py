"""Models on a CPU without torch: ONNX Runtime, `tokenizers` and numpy.

`files` reads and verifies what lies in a model's folder, `session` runs it, `reader` and `encoder`
implement the two Protocols. `exporting`, `graph`, `calibrating` and `weights` make the files, and
only they import torch or onnx.
"""

import os

# ONNX Runtime for Linux would send usage data to its maker. It looks at this variable when it is
# loaded, which nothing does before this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
