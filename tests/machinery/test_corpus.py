"""Given: the corpus."""

import pytest
import torch

from minicompress.lab import corpus


def test_the_split_depends_on_the_path_alone_and_the_parts_do_not_meet():
    assert {corpus.split_of(path) for path in ("ast.py", "codecs.py", "functools.py")} == {"test"}
    parts = [set(corpus.stdlib_files(split)) for split in corpus.SPLITS]
    assert all(len(part) > 40 for part in parts)
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_generated_tables_and_tests_are_left_out():
    paths = [path.as_posix() for split in corpus.SPLITS for path in corpus.stdlib_files(split)]
    assert not [
        path
        for path in paths
        if "/encodings/" in path or "pydoc_data" in path or "/test/" in path or "site-packages" in path
    ]


def test_sequences_do_not_cross_files_and_the_cache_returns_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    tokens, files = corpus.load_tokens("test", 256, per_file=2)
    assert tokens.dtype == torch.int64 and tokens.shape[1] == 256 and len(tokens) == len(files)
    assert files.bincount().max() == 2
    again, _ = corpus.load_tokens("test", 256, per_file=2)
    assert torch.equal(tokens, again) and len(list(tmp_path.iterdir())) == 1
    first = corpus.load_tokenizer().encode(corpus.read_text(corpus.stdlib_files("test")[int(files[0])])).ids
    assert tokens[0].tolist() == first[:256]


def test_a_damaged_cache_file_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    tokens, _ = corpus.load_tokens("validation", 256)
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(cached.read_bytes()[:1000])
    assert torch.equal(corpus.load_tokens("validation", 256)[0], tokens)


@pytest.mark.parametrize(
    ("call", "named"),
    [(lambda: corpus.stdlib_files("dev"), "dev"), (lambda: corpus.load_tokens("test", 1), "1")],
)
def test_corpus_refuses_unknown_splits_and_lengths_that_predict_nothing(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_the_tokenizer_has_2048_tokens_and_loses_nothing():
    tokenizer, text = corpus.load_tokenizer(), "def f(x):\n\treturn 'äöü €' + x  # \u4e2d\n"
    assert tokenizer.get_vocab_size() == 2048 and tokenizer.decode(tokenizer.encode(text).ids) == text


def test_summarization_pairs_leave_the_docstring_out_of_the_prompt():
    docstring = '"""Return the sum of a and b.\n\n    More.\n    """'
    source = f"def add(a, b):\n    {docstring}\n    # a comment\n    return a + b\n"
    assert corpus.summarization_pairs(source) == [
        ("def add(a, b):\n    return a + b", "Return the sum of a and b.")
    ]
    assert corpus.summarization_pairs("def broken(:") == []
