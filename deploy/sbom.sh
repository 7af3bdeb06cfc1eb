#!/usr/bin/env bash
# sbom.sh PYTHON CYCLONEDX_PY DIR: writes DIR/cpu.cdx.json and DIR/gpu.cdx.json. `make sbom` calls it.
# Each is made of the packages and licences that PYTHON's environment has of the image's list.
set -euo pipefail
python=$1 tool=$2 folder=$3
mkdir -p "$folder"
for image in cpu gpu; do
  lists=(-r requirements/serve.txt -r requirements/torch.txt)
  [ "$image" = cpu ] && lists=(-r requirements/image-cpu.txt --no-deps)
  rm -rf "$folder/$image"
  "$python" -m venv --without-pip "$folder/$image"
  "$python" -m pip --python "$folder/$image/bin/python" install --quiet --disable-pip-version-check \
    "${lists[@]}" -c constraints.txt
  "$tool" environment --output-reproducible --output-file "$folder/$image.cdx.json" \
    "$folder/$image/bin/python"
  rm -rf "${folder:?}/$image"
  echo "$folder/$image.cdx.json"
done
