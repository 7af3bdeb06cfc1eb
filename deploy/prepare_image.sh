#!/usr/bin/env bash
# Run by Dockerfile.cpu in the folder of the sources: puts what the image needs into the folder $1.
set -euo pipefail
target=$1
python=/opt/venv/bin/python
graphs="models/weights/encoder/model.int8.onnx models/weights/reader/model.int8.onnx"

# shellcheck disable=SC2086 # two names
if ! ls $graphs >/dev/null 2>&1; then
  echo "== no ONNX files in the build's context: making them, with torch"
  python3 -m venv /opt/torch
  python=/opt/torch/bin/python
  if [ -n "${TORCH_INDEX_URL:-}" ]; then
    $python -m pip install --quiet --no-cache-dir --no-deps --index-url "$TORCH_INDEX_URL" \
      "$(grep '^torch==' requirements/torch.txt)"
  fi
  $python -m pip install --quiet --no-cache-dir -r requirements/serve.txt -r requirements/torch.txt -c constraints.txt
fi

$python -m scripts.build_index --corpus data/sample --index "$target/var/sample"
# shellcheck disable=SC2086
if ! ls $graphs >/dev/null 2>&1; then
  for kind in encoder reader; do
    $python -m scripts.export_onnx "$kind" --index "$target/var/sample"
  done
fi

find models/weights -name '*.safetensors' -delete  # the ONNX files are what is served
cp -r service models index files scripts gunicorn.conf.py NOTICE "$target/"
find "$target" -name __pycache__ -prune -exec rm -r {} +
/opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash "$target"
chmod -R a+rX,go-w "$target"
