#!/usr/bin/env bash
# Makes every model in assets/ from nothing, in the order in which they depend on each other: hours on two CPU cores,
# minutes on a GPU. Each command goes on where it was interrupted, and does nothing when it has finished. Run it from the
# repository's root.
# (The shipped student, its int3 stage and the first 1,500 steps of clip3 and of medium saw 650 batches of the teacher's
# answers, everything after them 1,000.)
set -euo pipefail
export MINICOMPRESS_SOLUTIONS=1
train() { .venv/bin/python -m minicompress.train "$@"; }
publish() { train publish "$1" "assets/$1"; }
on_grid="--blocks clip3 --embedding clip3"
slow="--muon-rate 3e-3 --adam-rate 6e-3"
slower="--muon-rate 2e-3 --adam-rate 4e-3"

train teacher --steps 800 --compile-model
publish teacher
train half --steps 800 --compile-model
publish half
train answers --steps 1000
train student --name student --shape student --steps 1500
publish student

# From the student to the artefact: prune, learn on the 3-bit grid (absmax steps first, then clipped ones), then the standard library only.
train student --name student-int3 --start student --neurons 208 --blocks int3 --embedding int3 --steps 3000 $slow
train student --name student-clip3-first --start student-int3 $on_grid --steps 1500 $slower
train student --name student-clip3-mix --start student-clip3-first $on_grid --steps 4500 $slow
train student --name student-clip3 --start student-clip3-mix $on_grid --streams stdlib --steps 1500 $slower
publish student-clip3

# Larger, for the frontier.
train student --name medium-first --shape medium --steps 1500
train student --name medium --start medium-first --steps 2000 --muon-rate 4e-3 --adam-rate 1e-2
publish medium
train student --name medium-clip3 --start medium --neurons 288 $on_grid --streams stdlib --steps 1000 $slow
train export medium-clip3 clip3 clip3 assets/frontier/medium-clip3.safetensors

# Baselines: the student on labels alone, and a smaller one at 4 bits without pruning, of the same file size. Both end with the
# standard library only, as the artefact does.
train student --name student-labels-first --shape student --alpha 0 --steps 1500
train student --name student-labels --start student-labels-first --alpha 0 --streams stdlib --steps 1000 $slow
train export student-labels "" "" assets/baselines/student-labels.safetensors
train student --name small-clip4 --shape small --blocks clip4 --embedding clip4 --streams stdlib --steps 1200
train export small-clip4 clip4 clip4 assets/baselines/small-clip4.safetensors

# Pushed further: fewer neurons, and weights of -1, 0, 1. The medium model, which the teacher taught and which is as accurate, answers
# instead of it, more than five times as fast.
train answers --steps 1000 --teacher medium
on_stdlib="--teacher medium --streams stdlib"
ternary="--blocks ternary --embedding ternary"
train student --name student-ternary --start student-clip3 $on_stdlib $ternary --steps 4000 $slow
train student --name student-slim --start student-clip3 $on_stdlib --neurons 152 $on_grid --steps 2000 $slow
train student --name student-narrow --start student-clip3 $on_stdlib --neurons 112 $on_grid --steps 2000 $slow
train student --name student-narrow-ternary --start student-ternary $on_stdlib --neurons 112 $ternary --steps 1000 $slow
train student --name medium-narrow --start medium $on_stdlib --neurons 128 $on_grid --steps 1500 $slow
for name in student-ternary student-narrow-ternary; do train export $name ternary ternary assets/frontier/$name.safetensors; done
for name in student-slim student-narrow medium-narrow; do train export $name clip3 clip3 assets/frontier/$name.safetensors; done
# One method alone at the artefact's size: a student so small that its fp16 file has as many bytes.
train student --name tiny --shape tiny $on_stdlib --steps 1500
train export tiny "" "" assets/baselines/tiny.safetensors

# Chapter 03. A BERT, and students of half its layers by three recipes; students of half the layers of the medium model, which
# answers live: from its layers or from random weights, distilled or on labels alone.
# (The shipped BERT was begun with --steps 4000 and went on from step 2,040 with --steps 2800: a faster fall of the rates at the end.
# The DistilBERTs that were measured were begun with --steps 300.)
train bert --steps 2800
publish bert
for recipe in paper article labels; do train distilbert "$recipe" --steps 1000; done
scratch="--start random --muon-rate 6e-3 --adam-rate 1.5e-2"
train distill medium-half-kd --teacher medium --steps 400
train distill medium-half-labels --teacher medium --steps 400 --alpha 0
train distill medium-half-kd-random --teacher medium --steps 400 $scratch
train distill medium-half-labels-random --teacher medium --steps 400 --alpha 0 $scratch
.venv/bin/python -m benchmarks.distillation halves distilbert speed
