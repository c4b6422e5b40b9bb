"""Given: walking through a model."""

from torch import nn

from minicompress.lab.calibration import walk_blocks


def test_layers_that_see_the_same_input_form_one_group(llama, gpt2, tokens):
    for model, expected in (
        (llama, [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]),
        (gpt2, [["c_attn"], ["c_proj"], ["c_fc"], ["c_proj"]]),
    ):
        for block in walk_blocks(model, [{"input_ids": tokens}]):
            groups = block.groups()
            assert [[name.rpartition(".")[2] for name in names] for names in groups] == expected
            assert sorted(name for names in groups for name in names) == sorted(block.layers), (
                "no layer is left out"
            )


def test_a_part_of_a_tensor_is_another_input_than_the_whole(tokens):
    """Both begin at the same address."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.whole, self.part = nn.Linear(4, 4), nn.Linear(2, 4)

        def forward(self, x):
            return self.whole(x) + self.part(x[..., :2])

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.blocks = nn.Embedding(50, 4), nn.ModuleList([Block()])

        def forward(self, input_ids, **_):
            return self.blocks[0](self.embedding(input_ids))

    (block,) = walk_blocks(Model(), [{"input_ids": tokens}])
    assert block.groups() == [["blocks.0.whole"], ["blocks.0.part"]]
