"""Given: how the models in assets/ were made, `python -m minicompress.train`.

__main__.py     the commands
options.py      what each command may be asked
shapes.py       the table of shapes, new_model
streams.py      the token streams, cached
lessons.py      what a causal model learns from: streams, answers on disk, a teacher that answers live
masked.py       what a BERT and a DistilBERT learn from
loop.py         Plan, rates, optimizers, train
checkpoint.py   where an interrupted training goes on
log.py          the log, one line of JSON every few updates
processes.py    this process among several
record.py       run.json: what was asked, what was done
runs.py         a run from its beginning to its end, and its folder
card.py         the model card, written from the record
"""
