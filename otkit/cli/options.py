"""Options and arguments that several commands share, each written once."""

from enum import StrEnum
from typing import Annotated

import typer


class Header(StrEnum):
    """Whether the first line of a text file names its columns."""

    auto = "auto"
    yes = "yes"
    no = "no"


X = Annotated[
    str, typer.Argument(metavar="X", help="samples: .npy, .npz[:key], .csv, .tsv, .txt, .parquet; - is stdin")
]
Y = Annotated[
    str, typer.Argument(metavar="Y", help="samples to compare with; file.csv:a,b or file.csv:1,3-5 choose columns")
]
Metric = Annotated[str, typer.Option(help="euclidean, cityblock or chebyshev")]
Solver = Annotated[
    str, typer.Option(help="auto, line, multiscale, network-simplex, assignment, linear-program or sinkhorn")
]
Eps = Annotated[
    float | None, typer.Option("--eps", metavar="E", help="sinkhorn: regularisation, in units of metric**p")
]
Gap = Annotated[
    float | None, typer.Option("--gap", metavar="G", help="sinkhorn: certified relative gap wanted, instead of eps")
]
WeightsX = Annotated[
    str | None, typer.Option(metavar="F", help="weights of X: a file, or a column as in X.csv:w")
]  # fmt: skip
WeightsY = Annotated[str | None, typer.Option(metavar="F", help="weights of Y")]
Tol = Annotated[
    float | None, typer.Option(help="stop at this certified relative gap (sinkhorn: this marginal error)")
]  # fmt: skip
TimeLimit = Annotated[float | None, typer.Option(metavar="SECONDS", help="stop after so many seconds")]
MaxIter = Annotated[int | None, typer.Option(metavar="N", help="stop after so many iterations")]
HeaderLine = Annotated[Header, typer.Option(help="whether the first line of text files names the columns")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object on stdout and nothing else")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no notes and no progress on stderr")]
