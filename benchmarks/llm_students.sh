#!/usr/bin/env bash
# Distills SmolLM2-135M (`minicompress llm` brings it) into students whose files are 8, 20, 40 and 80 times smaller, and writes
# the files. Meant for one large GPU: the steps were chosen for about 20 minutes on one of 80 GB by counting operations; nobody
# has timed them yet. Each command goes on where it was interrupted, and does nothing when it has finished. Run it from the
# repository's root. STEPS=20 ON_GRID=10 OPTIONS="--rows 2 --length 64" bash benchmarks/llm_students.sh tries it on a CPU.
set -euo pipefail
export MINICOMPRESS_SOLUTIONS=1
python=${PYTHON:-.venv/bin/python}
read -ra options <<< "${OPTIONS:-}"
# SIZE, then the rates of Muon and AdamW at first and on the grids: in full precision, then on the size's grids, then the file.
student() {
  local size=$1 to=$2 first="--muon-rate $3 --adam-rate $4" then="--muon-rate $5 --adam-rate $6"
  $python -m minicompress.train llm "$size-first" --size "$size" --steps "${STEPS:-1200}" $first "${options[@]}"
  $python -m minicompress.train llm "$size" --size "$size" --start "$size-first" --steps "${ON_GRID:-600}" $then "${options[@]}"
  $python -m minicompress.train publish-llm "$size" "$to"
}

# The first has the teacher's widths, so it begins with 16 of its 30 blocks and learns at lower rates. Its file has 33 MB. Files in
# assets/ have 16 MiB at most, so it stays outside the repository.
student 8x out/llm 1e-3 1e-3 5e-4 5e-4
student 20x assets/llm 3e-3 4e-3 1.5e-3 2e-3
student 40x assets/llm 3e-3 4e-3 1.5e-3 2e-3
student 80x assets/llm 3e-3 4e-3 1.5e-3 2e-3
$python -m benchmarks.real_llm students
