#!/usr/bin/env bash
# Makes every model in assets/ from nothing, in the order in which they depend on each other: hours on two CPU cores,
# minutes on a GPU. Each command goes on where it was interrupted. Run it from the repository's root.
set -euo pipefail
export MINICOMPRESS_SOLUTIONS=1
train() { .venv/bin/python -m minicompress.train "$@"; }
publish() { train publish "$1" "python -m minicompress.train $2" "assets/$1"; }

teacher="teacher --steps 800 --compile-model"
half="half --steps 800 --compile-model"
student="student --name student --steps 1500"
int3="student --name student-int3 --start student --neurons 208 --blocks int3 --embedding int3 --steps 3000 --muon-rate 3e-3 --adam-rate 6e-3"
clip3="student --name student-clip3 --start student-int3 --blocks clip3 --embedding clip3 --steps 1500 --muon-rate 2e-3 --adam-rate 4e-3"
medium="student --name medium --steps 1500"

train $teacher && publish teacher "$teacher"
train $half && publish half "$half"
train answers --steps 650
train $student && publish student "$student"
train $int3
train $clip3 && publish student-clip3 "$clip3"
train $medium && publish medium "$medium"

# Baselines: the student on labels alone, and a smaller one at 4 bits without pruning, of the same file size.
train student --name student-labels --alpha 0 --steps 1500
train export student-labels "" "" assets/baselines/student-labels.safetensors
train student --name small-clip4 --blocks clip4 --embedding clip4 --steps 1000
train export small-clip4 clip4 clip4 assets/baselines/small-clip4.safetensors

# The frontier: less compressed files.
train student --name half-int4 --start half --blocks int4 --embedding int3 --steps 350 --muon-rate 1.5e-3 --adam-rate 3e-3
train export half-int4 int4 int3 assets/frontier/half-int4.safetensors
