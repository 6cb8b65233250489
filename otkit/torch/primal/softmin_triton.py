"""Soft minima of Euclidean costs by fused Triton kernels, for float32 on CUDA: what `softmin_torch.Blocks` does."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache

import torch
import triton

from otkit.torch.primal import softmin_kernels as kernels

INTERPRETED = not isinstance(kernels.merge, triton.JITFunction)  # TRITON_INTERPRET=1: tensors of the CPU, for tests
OLDEST = (3, 3)  # version of Triton: tuples within a kernel
FEW = 8  # coordinates up to which sums of products by the ordinary units beat padding to the 16 that tl.dot needs
WIDEST = 64  # coordinates of one product of tiles; more are added up
ROWS = 64  # of a typical tile
WAVES = 16  # blocks of rows for each multiprocessor below which the columns are shared out too: of single warps
LEAST_COLUMNS = 256  # of such a share: a multiple of every tile's width
LARGEST = 2**31  # offsets within one set of points are 32 bits wide


def _config(rows: int, columns: int, warps: int) -> triton.Config:
    return triton.Config({"BM": rows, "BN": columns}, num_warps=warps, num_stages=2)


# rows and columns of a tile, warps
CONFIGS = {
    # one warp with many rows: 0.4 to 1.2 loads for each exp2, where four warps on 64 x 64 make 4 (read off the PTX)
    kernels.softmin_by_sums: [
        (32, 64, 1),
        (64, 64, 1),
        (128, 32, 1),
        (128, 16, 1),
        (256, 16, 1),
        (256, 16, 2),
        (128, 64, 4),
    ],
    kernels.softmin_by_products: [(64, 32, 4), (64, 64, 4), (128, 32, 4), (128, 64, 8), (64, 128, 8)],
    kernels.pull_by_sums: [(32, 32, 2), (64, 32, 4), (128, 32, 4), (64, 64, 8)],
    kernels.pull_by_products: [(32, 32, 4), (64, 32, 4), (64, 64, 4), (64, 64, 8)],
}
FIXED = {"BM": 32, "BN": 32}  # of the interpreter, which has no clock to tune by


@cache
def _tuned(kernel: triton.JITFunction) -> triton.JITFunction:
    """Block sizes are measured at the first call for a dimension and an order of magnitude of work, and remembered."""
    if INTERPRETED:
        return kernel
    return triton.autotune([_config(*sizes) for sizes in CONFIGS[kernel]], key=["work"])(kernel)


@dataclass(frozen=True, eq=False)
class Side:
    """Points as the kernels read them."""

    points: torch.Tensor  # (B, n, D) padded with zeros, or (B, d, n)
    squares: torch.Tensor  # (B, n)

    @classmethod
    def of(cls, points: torch.Tensor, width: int) -> Side:
        stored = torch.nn.functional.pad(points, (0, -points.shape[2] % width)) if width else points.mT
        return cls(stored.contiguous(), points.square().sum(2).contiguous())

    @property
    def size(self) -> int:
        return self.squares.shape[1]


@dataclass(frozen=True, eq=False)
class Tiles:
    """What `Blocks` does, for metric "euclidean" with p = 1 or 2, in float32: O(n + m) memory over the input."""

    left: Side
    right: Side
    p: int
    dimension: int
    width: int  # coordinates of one product of tiles; 0 where coordinates are summed one by one

    @classmethod
    def of(cls, x: torch.Tensor, y: torch.Tensor, p: float) -> Tiles:
        """x (B, n, d), y (B, m, d); centred for p = 2."""
        dimension = x.shape[2]
        by_products = p == 2.0 and dimension > FEW
        width = min(WIDEST, triton.next_power_of_2(max(dimension, 16))) if by_products else 0
        left = Side.of(x, width)
        return cls(left, left if y is x else Side.of(y, width), int(p), dimension, width)

    @property
    def turned(self) -> Tiles:
        """The same with rows and columns exchanged."""
        return Tiles(self.right, self.left, self.p, self.dimension, self.width)

    def softmin(self, h: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """-log2 sum_j 2^(h_j - k c_ij) of every row, (B, n); h (B, m) may be -inf in places, k (B,)."""
        x, y, count = self.left, self.right, len(h)
        parts, span = self._shares(count)
        found = h.new_empty((count, parts, x.size))
        with _on(h.device):
            kernel = _tuned(kernels.softmin_by_products if self.width else kernels.softmin_by_sums)
            kernel[lambda meta: (count * triton.cdiv(x.size, meta["BM"]), parts)](
                x.points, y.points, self._columns(h, k), k.contiguous(), found, x.size, y.size, span, self._work(count),
                COST=(self._stored, self.width, _precision(h.device)) if self.width else (self._stored, self.p),
                **FIXED if INTERPRETED else {},
            )  # fmt: skip
            if parts == 1:
                merged = found[:, 0]
            else:
                merged = h.new_empty((count, x.size))
                kernels.merge[(count * triton.cdiv(x.size, ROWS),)](
                    found, merged, x.size, parts, COUNT=triton.next_power_of_2(parts), BM=ROWS
                )
        return merged.addcmul_(k[:, None], x.squares) if self.p == 2 else merged

    def pulled(self, h: torch.Tensor, k: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """sum_j P_ij d c_ij / d x_i, (B, n, d), of the plan with rows of mass a (B, n) in proportion to
        2^(h_j - k c_ij). At kinks the symmetric subgradient, 0."""
        x, y, count = self.left, self.right, len(h)
        found = torch.empty_like(x.points)
        lanes = self.width or min(WIDEST, triton.next_power_of_2(self.dimension))
        with _on(h.device):
            kernel = _tuned(kernels.pull_by_products if self.width else kernels.pull_by_sums)
            kernel[lambda meta: (count * triton.cdiv(x.size, meta["BM"]), triton.cdiv(self._stored, lanes))](
                x.points, y.points, self._columns(h, k), k.contiguous(), a.contiguous(), found, x.size, y.size,
                self._work(count),
                COST=(self._stored, *(() if self.width else (self.p,)), lanes, _precision(h.device)),
                **FIXED if INTERPRETED else {},
            )  # fmt: skip
        return found[:, :, : self.dimension] if self.width else found.mT

    @property
    def _stored(self) -> int:
        """Coordinates of a point as it is stored."""
        return self.left.points.shape[2 if self.width else 1]

    def _columns(self, h: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """What an exponent has from its column alone."""
        return (torch.addcmul(h, k[:, None], self.right.squares, value=-1.0) if self.p == 2 else h).contiguous()

    def _work(self, count: int) -> int:
        """Block sizes are tuned anew for each number of coordinates, p, and order of magnitude, each of 64 times."""
        size = (count * self.left.size * self.right.size).bit_length() // 6
        return (self._stored * 2 + self.p - 1) * 32 + size

    def _shares(self, count: int) -> tuple[int, int]:
        """Into how many parts of how many columns the work of a block of rows is shared out."""
        n, m = self.left.size, self.right.size
        wanted = triton.cdiv(WAVES * _multiprocessors(self.left.points.device), count * triton.cdiv(n, ROWS))
        shares = max(1, min(wanted, triton.cdiv(m, LEAST_COLUMNS)))
        span = triton.cdiv(triton.cdiv(m, shares), LEAST_COLUMNS) * LEAST_COLUMNS
        return triton.cdiv(m, span), span


def takes(x: torch.Tensor, y: torch.Tensor, p: float, metric: str) -> bool:
    """Whether the kernels do these points and this cost."""
    modern = tuple(map(int, triton.__version__.split(".")[:2])) >= OLDEST
    home = x.device.type == "cuda" or (INTERPRETED and x.device.type == "cpu")
    short = max(x.shape[1], y.shape[1]) * (x.shape[2] + WIDEST) < LARGEST
    return modern and home and short and x.dtype == torch.float32 and metric == "euclidean" and p in (1.0, 2.0)


def _on(device: torch.device) -> AbstractContextManager:
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@cache
def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2


@cache
def _precision(device: torch.device) -> str:
    """Of products of tiles. Exponents are products times k, up to thousands, and an error there is a relative error of
    the plan: TF32's 2^-11 would be a factor e. Three TF32 products keep 2^-21 and still run on the tensor cores,
    several times faster than "ieee" does on the ordinary units."""
    nvidia = device.type == "cuda" and torch.version.hip is None
    return "tf32x3" if nvidia and torch.cuda.get_device_capability(device)[0] >= 8 else "ieee"
