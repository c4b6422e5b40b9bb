"""Given: how the models in assets/ were made, `python -m minicompress.train`.

__main__.py     the commands
options.py      what each command may be asked
shapes.py       the table of shapes, new_model
streams.py      the token streams, cached
lessons.py      what a causal model learns from: streams, answers on disk, a teacher that answers live
trimming.py     a teacher's vocabulary trimmed to a text: tokenizer and model
llm_text.py     Python text in the trimmed vocabulary of an LLM, cached
llm_sizes.py    the students of an LLM by the size of their files
llm.py          a student of an LLM: how it begins, what it learns from
llm_publish.py  its file, its tokenizer and its card
masked.py       what a BERT and a DistilBERT learn from
loop.py         Plan, rates, optimizers, train
checkpoint.py   where an interrupted training goes on
log.py          the log, one line of JSON every few updates
processes.py    this process among several
record.py       run.json: what was asked, what was done
runs.py         a run from its beginning to its end, and its folder
card.py         the model card, written from the record
"""
