"""The tokenizer, made once."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from minicompress.lab.corpus import END, SUMMARY, read_text, stdlib_files
from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ASSETS

TOKENS = 2048


def train_tokenizer() -> None:
    """Train a byte-level BPE on the standard library's training files; write assets/tokenizer.json."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS,
        special_tokens=[END, SUMMARY],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((read_text(path) for path in stdlib_files("train")), trainer)
    with atomic_write(ASSETS / "tokenizer.json") as temporary:
        made.save(str(temporary))
