"""One line of the results: what was called on which case, how long it took and how good the answer is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median

SLACK = 1 + 1e-6  # on an error asked for: sums of marginals round


@dataclass
class Row:
    """A figure that was not measured, or that the tool does not give, is None."""

    work: str
    case: str
    tool: str
    call: str
    seconds: list[float]  # every run, the cost matrix included
    matrix_seconds: list[float]  # of those, what making the cost matrix took; empty where there is none
    n: int | None = None
    m: int | None = None
    d: int | None = None
    p: float | None = None
    metric: str | None = None
    weights: str | None = None
    cost: float | None = None
    error: float | None = None  # |cost - reference| / reference; where regularised, of the marginals: L1, both of them
    reference: str | None = None  # how the reference was found
    reference_gap: float | None = None  # relative width of the bracket around it
    status: str | None = None  # as the tool itself says it; "failed: ..." where it raised
    gap: float | None = None  # as the tool itself says it
    peak_mb: float | None = None  # over import, in a fresh process with warm caches
    peak_failure: str | None = None  # why a memory reading that was wanted is missing
    arrays: str | None = None  # in what the data were handed over, where that differs from tool to tool
    share: float | None = None  # eps as a part of the mean cost, where regularised
    tol: float | None = None  # the error that had to be reached
    iterations: int | None = None  # as the tool itself says it
    steps: list[int] | None = None  # seconds are per iteration: of the time between so many and so many

    @property
    def best(self) -> float | None:
        return min(self.seconds, default=None)

    @property
    def median(self) -> float | None:
        return median(self.seconds) if self.seconds else None

    @property
    def reached(self) -> bool:
        """The error is as small as was asked; where nothing was asked, the answer is a finite one all the same."""
        if self.share is None:
            return True
        return self.error is not None and (self.tol is None or self.error <= self.tol * SLACK)

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "best": self.best, "median": self.median}

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> Row:
        return cls(**{key: value for key, value in values.items() if key not in ("best", "median")})
