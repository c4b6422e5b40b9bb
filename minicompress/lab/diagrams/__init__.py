"""Diagrams of ideas for the notebooks, one function each; the arguments are the numbers of a toy.

Every function draws, shows and returns nothing. The defaults are the numbers of the exercise's example.
"""

from minicompress.lab.diagrams.course import course_map
from minicompress.lab.diagrams.distillation import label_shift, prompt_and_answer, teacher_and_student
from minicompress.lab.diagrams.low_rank import low_rank_product
from minicompress.lab.diagrams.pipeline import bytes_waterfall, file_bytes
from minicompress.lab.diagrams.pruning import magnitude_and_wanda, two_of_four
from minicompress.lab.diagrams.quantization import rounding_grid, two_in_a_byte
from minicompress.lab.diagrams.structured_pruning import flattened_channels, query_heads, rows_and_columns

__all__ = [
    "bytes_waterfall",
    "course_map",
    "file_bytes",
    "flattened_channels",
    "label_shift",
    "low_rank_product",
    "magnitude_and_wanda",
    "prompt_and_answer",
    "query_heads",
    "rounding_grid",
    "rows_and_columns",
    "teacher_and_student",
    "two_in_a_byte",
    "two_of_four",
]
