"""Models on a CPU without torch: ONNX Runtime, `tokenizers` and numpy.

`files` reads and verifies what lies in a model's folder, `session` runs it, `reader` and `encoder`
implement the two Protocols. `making` makes the files, with `exporting`, `graph`, `calibrating`,
`quantising` and `weights`: only these import torch or onnx.
"""

import os

# ONNX Runtime for Linux would send usage data to its maker. It looks at this variable when it is
# loaded, which nothing does before this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
