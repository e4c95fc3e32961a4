"""Pictures: arrays in, a matplotlib figure and its text alternative out."""

from course_lib.viz.arrays import (
    draw_confusion,
    draw_digits,
    draw_gradient_comparison,
    draw_matrices,
    draw_weights,
)
from course_lib.viz.classification import draw_probabilities, draw_regions
from course_lib.viz.convolution import (
    draw_feature_maps,
    draw_kernels,
    draw_pooling,
    draw_reach,
    draw_window,
)
from course_lib.viz.curves import (
    draw_activations,
    draw_contour,
    draw_descent,
    draw_surprise,
    draw_tangent,
)
from course_lib.viz.expressions import draw_computation
from course_lib.viz.graphs import Graph, draw_chain, draw_graph, draw_graphs
from course_lib.viz.picture import Picture
from course_lib.viz.training import draw_history, draw_runs

__all__ = [
    "Graph",
    "Picture",
    "draw_activations",
    "draw_chain",
    "draw_computation",
    "draw_confusion",
    "draw_contour",
    "draw_descent",
    "draw_digits",
    "draw_feature_maps",
    "draw_gradient_comparison",
    "draw_graph",
    "draw_graphs",
    "draw_history",
    "draw_kernels",
    "draw_matrices",
    "draw_pooling",
    "draw_probabilities",
    "draw_reach",
    "draw_regions",
    "draw_runs",
    "draw_surprise",
    "draw_tangent",
    "draw_weights",
    "draw_window",
]
