#!/bin/sh
# Build the wheel, install it into an empty environment in an empty folder, run the main job from there,
# and compare its summary with that of the source tree. Usage: check_wheel.sh PYTHON (one with a recent pip)
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$place/dist" "$root"
ls -l "$place/dist"
"$python" -m venv "$place/venv"
# The last bits of statistics depend on numpy's sums, so both sides have the same one.
pins=$("$python" -m pip --disable-pip-version-check freeze | grep -E '^(numpy|pyarrow)==' || true)
# shellcheck disable=SC2086 # two words are meant
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$(ls "$place"/dist/lesiongeo-*.whl)[report]" $pins
cp "$root/examples/dermatology.json" "$place/export.json"
cd "$place"
"$place/venv/bin/python" -c 'import lesiongeo, pathlib; p = pathlib.Path(lesiongeo.__file__); assert "venv" in p.parts, p'
"$place/venv/bin/lesiongeo" agree export.json -o result
"$place/venv/bin/lesiongeo" report result
"$place/venv/bin/lesiongeo" measure export.json -o result/measures.parquet --spacing-mm 0.05
if [ -x "$root/.venv/bin/lesiongeo" ]; then
    "$root/.venv/bin/lesiongeo" agree export.json -o expected --quiet
    cmp result/summary.json expected/summary.json
    cmp result/pairs.parquet expected/pairs.parquet
    cmp result/run.lock.json expected/run.lock.json
    echo "the wheel gives the same bytes as the source tree"
fi
