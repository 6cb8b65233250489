"""What a penalty needs of a critic and of autograd, and the refusals where it is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from otkit.errors import BadCritic, BadMeasure, Unsupported


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Outside autocast on `device`, whatever surrounds."""
    if not torch.amp.is_autocast_available(device.type):
        yield
        return
    with torch.autocast(device.type, enabled=False):
        yield


def floating(name: str, tensor: Tensor) -> Tensor:
    """Detached, and float32 where it was shorter: (B, ...), B >= 1."""
    if not isinstance(tensor, Tensor):
        raise BadMeasure(f"{name} is a {type(tensor).__name__}: pass a tensor (B, ...), one sample a row.")
    if not tensor.is_floating_point():
        raise BadMeasure(f"{name} holds {tensor.dtype}: a gradient needs real numbers; pass {name}.float().")
    if tensor.ndim == 0 or tensor.numel() == 0:
        raise BadMeasure(f"{name} has shape {tuple(tensor.shape)}: pass (B, ...) with at least one sample.")
    tensor = tensor.detach()
    return tensor.float() if torch.finfo(tensor.dtype).bits < 32 else tensor


def one_score_each(scores: Tensor, points: Tensor) -> None:
    """Refuses scores that are not one number a point: (B,), (B, 1), (B, 1, 1, 1)."""
    if not isinstance(scores, Tensor):
        raise BadCritic(f"critic returned a {type(scores).__name__}: it returns a tensor, one number a sample.")
    if scores.ndim == 0 or len(scores) != len(points) or scores.numel() != len(points):
        raise BadCritic(
            f"critic gave scores of shape {tuple(scores.shape)} to {len(points)} samples: a penalty is on one number a "
            f"sample, ({len(points)},) or ({len(points)}, 1). Pass a function that makes one of them, such as "
            "lambda x: critic(x).sum(1)."
        )


def refuse_batch_norm(critic: object) -> None:
    """Refuses a module whose BatchNorm mixes the samples of a batch; O(modules).

    A gradient penalty is a statement about each sample alone: the gradient of f(x_i) in x_i. With the statistics of
    the batch f(x_i) depends on the other samples too, and what autograd returns is the gradient of the sum of all.
    BatchNorm in eval mode is an affine map and passes; LayerNorm and InstanceNorm look at one sample and pass.
    Functions that are no module pass unseen.

    Raises
    ------
    Unsupported : a BatchNorm in training mode or without running statistics.

    Source: Gulrajani et al. 2017 (section 4).

    >>> refuse_batch_norm(nn.Sequential(nn.Linear(2, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 1)))
    """
    if not isinstance(critic, nn.Module):
        return
    for name, part in critic.named_modules():
        if isinstance(part, _BatchNorm) and (part.training or part.running_mean is None):
            raise Unsupported(
                f"critic holds {type(part).__name__} ({name or 'itself'}) that uses the statistics of the batch: the "
                "score of a sample then depends on the other samples, and its gradient in itself is not what is "
                "penalised. Use LayerNorm or none."
            )


def refuse_frozen(critic: object) -> None:
    """Refuses a module that has parameters and trains none of them."""
    if not isinstance(critic, nn.Module):
        return
    parameters = list(critic.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        raise Unsupported(
            f"critic ({type(critic).__name__}) is frozen, no parameter of it requires a gradient: its penalty would "
            "train nothing. Call critic.requires_grad_(True) before the critic's step."
        )
    for name, parameter in critic.named_parameters():
        if parameter.is_floating_point() and torch.finfo(parameter.dtype).bits < 32:
            raise Unsupported(
                f"critic's {name} is {parameter.dtype}: penalties are computed in float32. Keep the parameters in "
                "float32 and run the other passes under torch.autocast."
            )


def refuse_no_grad() -> None:
    if not torch.is_grad_enabled():
        mode = "torch.inference_mode()" if torch.is_inference_mode_enabled() else "torch.no_grad()"
        raise Unsupported(f"a penalty is called under {mode}, where torch records no gradient: call it outside.")


def refuse_cut(scores: Tensor, points: Tensor) -> None:
    """Refuses scores without a graph, and points that it cannot lead to."""
    if not points.requires_grad:
        raise Unsupported(
            "points do not require a gradient: take those of interpolates(...), or points.requires_grad_()."
        )
    if not scores.requires_grad:
        raise Unsupported(
            "critic's scores have no gradient graph: it detaches, runs under no_grad, or leaves torch on the way. "
            "Give the penalty the critic itself, with its graph."
        )
    if names_in(scores.grad_fn, ("CompiledFunction",)):
        raise Unsupported(
            "critic is compiled by torch.compile, whose graphs have no second derivative (pytorch issue 91469): give "
            "the penalty the module as it was before, and the compiled one the other passes."
        )


def refuse_once(gradients: Tensor | None) -> None:
    """Refuses gradients that cannot be differentiated again."""
    if gradients is None:
        raise Unsupported(
            "critic's scores do not depend on the points it was given: it detaches or copies its input on the way. "
            "Give the penalty a critic whose graph reaches its input."
        )
    if not gradients.requires_grad:
        raise Unsupported(
            "the critic's gradient depends on nothing that is trained: its parameters are frozen, or it is linear "
            "without parameters. Unfreeze it, or take gradient_norms(..., create_graph=False) to look only."
        )
    found = names_in(gradients.grad_fn, ("NotImplemented", "Error", "CompiledFunction"))
    if found:
        raise Unsupported(
            f"a layer of the critic has no second derivative in torch ({found}): fused attention, cuDNN's recurrent "
            "layers and once-differentiable functions have none. Use "
            "torch.nn.attention.sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False) or another "
            "layer."
        )


def names_in(node: object, wanted: tuple[str, ...]) -> str:
    """The first node of a graph whose name holds one of `wanted`, "" without any; 0.5 us a node."""
    seen, left = set(), [node]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = node.name()
        if any(part in name for part in wanted):
            return name
        left.extend(following for following, _ in node.next_functions)
    return ""
