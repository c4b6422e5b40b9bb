"""One model in a sentence."""

import pytest
from test_llm_tables import DENSE, both

from minicompress.lab import llm_sentences


def test_a_model_in_a_sentence_has_its_figure_on_each_text():
    content = {"rows": DENSE + both("table", "Wanda", 20.0, 12.0, accuracy_kept=0.8)}
    assert llm_sentences.kept_of(content, "table", method="Wanda") == "80.0% and 80.0%"
    assert llm_sentences.times_of(content, "table", method="Wanda") == "2.00 and 1.50 times"


@pytest.mark.parametrize("method", ["nothing", None])
def test_a_sentence_is_about_one_model(method):
    columns = {"method": method} if method else {}
    with pytest.raises(ValueError, match="must fit one model of the part 'table', they fit [02]"):
        llm_sentences.kept_of({"rows": DENSE + both("table", "Wanda", 20.0, 12.0)}, "table", **columns)
