"""Tables of docs/duality.md from the JSON of `bench_w1_truth`. No figure of them is typed by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.tables import NOTHING, between, table
from benchmarks.truth_published import published

BEGIN, END = "<!-- w1_truth: made by python -m benchmarks.report, do not edit -->", "<!-- end of w1_truth -->"


def inserted(page: str, document: dict) -> str:
    """The page with everything between its two marks made anew."""
    return between(page, BEGIN, END, tables(document))


def tables(document: dict) -> str:
    """How it was measured, then W_1 of samples, cosines, values and bounds."""
    numbers = document["settings"]["funnels"]
    parts = [_how(document), "### W_1 of samples against W_1 of populations", distances(document["problems"])]
    parts += ["### Cosine between the critic's gradient and the true one, on fresh points"]
    parts += [_headed(n_funnels, _cosines(_of(document, n_funnels))) for n_funnels in numbers]
    parts += ["### raw on fresh points, as a part of the W_1 of the populations"]
    parts += [_headed(n_funnels, _grid(_of(document, n_funnels), _share)) for n_funnels in numbers]
    parts += ["### captured / (rescaled / primal) on fresh points"]
    parts += [_headed(n_funnels, _bounds(_of(document, n_funnels))) for n_funnels in numbers]
    return "\n\n".join(parts)


def distances(problems: Sequence[dict]) -> str:
    head = ["funnels", "D", "W_1 of the populations", "of the samples", "ratio", "two samples of x's law", "of y's"]
    head += ["falls as n^-r, r =", "debiased"]
    lines = []
    for one in problems:
        figures = [f"{one['population']:.4f} ± {one['standard_error']:.0e}", f"{one['sample']:.3f}"]
        figures += [f"{one['ratio']:.2f}", f"{one['within_x']:.3f}", f"{one['within_y']:.3f}"]
        figures += [f"{one['exponent']:.3f}", f"{one['debiased']:.3f}"]
        lines.append([str(one["n_funnels"]), str(one["d"]), *figures])
    return table(head, lines)


def _of(document: dict, n_funnels: int) -> list[dict]:
    return [one for one in document["problems"] if one["n_funnels"] == n_funnels]


def _headed(n_funnels: int, text: str) -> str:
    return f"{n_funnels} funnels:\n\n{text}"


def _share(found: dict) -> str:
    return f"{found['share']:.2f}"


def _cosines(problems: Sequence[dict]) -> str:
    """At points of x's law and of y's; the plan's own, and what others published, at x."""
    lines = _lines(problems, lambda found: f"{found['cosine_x']:.2f} / {found['cosine_y']:.2f}")
    lines.append(["exact plan, at its own samples x", *(f"{one['plan_cosine']:.2f}" for one in problems)])
    others = [published(one["n_funnels"], one["d"]) for one in problems]
    for name in dict.fromkeys(name for other in others for name in other):
        cells = [f"{other[name]:.2f}" if name in other else NOTHING for other in others]
        lines.append([f"published: {name}, at x", *cells])
    return table(["critic: at x / at y", *_dims(problems)], lines)


def _bounds(problems: Sequence[dict]) -> str:
    def both(found: dict) -> str:
        fresh = found["fresh"]
        return f"{fresh['captured']:.2f} / {fresh['rescaled'] / fresh['primal']:.2f}"

    nearest = [one["critics"][0]["fresh"] for one in problems]  # the same for every critic
    lines = _lines(problems, both)
    lines.append(["no critic: nearest / primal", *(f"{fresh['nearest'] / fresh['primal']:.2f}" for fresh in nearest)])
    return table(["critic", *_dims(problems)], lines)


def _grid(problems: Sequence[dict], figure: Callable[[dict], str]) -> str:
    return table(["critic", *_dims(problems)], _lines(problems, figure))


def _dims(problems: Sequence[dict]) -> list[str]:
    return [f"D = {one['d']}" for one in problems]


def _lines(problems: Sequence[dict], figure: Callable[[dict], str]) -> list[list[str]]:
    """A line for each critic, a cell for each problem."""
    by_name = [{found["critic"]: found for found in one["critics"]} for one in problems]
    names = dict.fromkeys(name for known in by_name for name in known)
    return [[name, *(figure(known[name]) if name in known else NOTHING for known in by_name)] for name in names]


def _how(document: dict) -> str:
    settings, machine = document["settings"], document["machine"]
    n, iterations = settings["n"], settings["iterations"]
    versions = ", ".join(f"{name} {number or 'absent'}" for name, number in machine["packages"].items())
    training = f" WGAN-GP and WGAN-LP were trained for {iterations} iterations." if iterations else ""
    quick = "**Quick run on tiny sizes: these figures only show that the harness works.** " if document["quick"] else ""
    return (
        f"{quick}Measured on {document['measured']}: {n} samples of x and {n} of y, all independent, seed "
        f"{settings['seed']}; as many fresh points of both laws.{training} otkit {machine['otkit']}; {versions}, "
        f"Python {machine['python']}."
    )
