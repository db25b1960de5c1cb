"""HiGHS (Huangfu and Hall 2018), the solver of linear and mixed integer programs, called with sparse matrices."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array
from geo.measures.sites.watch import Watch

_HEURISTICS = ("rens", "rins", "root_reduced_cost", "zi_round", "shifting", "feasibility_jump")
"""Heuristics of HiGHS; local search has a good choice before it starts, so that they only take time."""


_LOOK_EVERY_S = 0.02
_GRACE_S = 0.1
"""Small problems are solved within this time: nothing else is begun meanwhile."""
_PATIENCE_S = 0.15


@dataclass(frozen=True)
class Program:
    """Minimise costs · x subject to row_lower ≤ matrix · x ≤ row_upper and lower ≤ x ≤ upper."""

    costs: Float64Array
    matrix: sparse.csc_array
    row_lower: Float64Array
    row_upper: Float64Array
    lower: Float64Array
    upper: Float64Array
    whole: BoolArray

    def with_rows(self, kept: BoolArray, rows: sparse.csr_array, lower: Float64Array) -> "Program":
        """The program with those of its rows that are ``kept``, and further ``rows`` that are at least ``lower``."""
        return replace(
            self,
            matrix=sparse.csc_array(sparse.vstack([sparse.csr_array(self.matrix)[np.flatnonzero(kept)], rows])),
            row_lower=np.append(self.row_lower[kept], lower),
            row_upper=np.append(self.row_upper[kept], np.full(len(lower), np.inf)),
        )

    def dual_bound(self, row_duals: Float64Array) -> tuple[float, Float64Array]:
        """A bound that no solution's costs are below, and the columns' reduced costs, from multipliers of the rows.

        It is valid for any multipliers, however inaccurate: Σ multiplier · row limit + Σ reduced cost · column limit.
        """
        multipliers = np.where(np.isfinite(self.row_lower), row_duals, np.minimum(row_duals, 0.0))
        multipliers = np.where(np.isfinite(self.row_upper), multipliers, np.maximum(multipliers, 0.0))
        reduced = self.costs - self.matrix.T @ multipliers
        limit = np.where(multipliers > 0, self.row_lower, self.row_upper)
        rows = float((multipliers * np.where(multipliers == 0, 0.0, limit)).sum())
        return rows + float((reduced * np.where(reduced > 0, self.lower, self.upper)).sum()), reduced


@dataclass(frozen=True)
class Solution:
    """What HiGHS found.

    Attributes
    ----------
    x : the best solution; None if there is none
    row_duals : multipliers of the rows of a linear program
    bound : no solution costs less; −inf if unknown, inf if there is none
    """

    x: Float64Array | None
    row_duals: Float64Array | None
    bound: float


def relaxed(program: Program, watch: Watch, meanwhile: Callable[[], None] | None = None) -> Solution:
    """Solve without whole numbers, approximately, by an interior point method.

    ``meanwhile`` is called again and again until the solver ends.
    """
    highs = _loaded(program, watch)
    highs.setOptionValue("solver", "ipm")
    highs.setOptionValue("run_crossover", "off")
    if not _run(highs, watch, meanwhile):
        return Solution(None, None, -np.inf)
    solution = highs.getSolution()
    if not solution.dual_valid:
        return Solution(None, None, -np.inf)
    return Solution(np.array(solution.col_value), np.array(solution.row_dual), -np.inf)


def whole(
    program: Program,
    watch: Watch,
    start: Float64Array | None = None,
    heuristics: bool = False,
    meanwhile: Callable[[float], None] | None = None,
) -> Solution:
    """Solve with whole numbers.

    Parameters
    ----------
    start : a known solution
    heuristics : let HiGHS look for others
    meanwhile : called again and again with the bound so far until the solver ends
    """
    highs = _loaded(program, watch)
    highs.setOptionValue("mip_rel_gap", 0.0)
    for name in () if heuristics else _HEURISTICS:
        highs.setOptionValue(f"mip_heuristic_run_{name}", False)
    numbers = np.flatnonzero(program.whole).astype(np.int32)
    integer = np.full(len(numbers), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
    highs.changeColsIntegrality(len(numbers), numbers, integer)
    if start is not None:
        guess = highspy.HighsSolution()
        guess.col_value = start.tolist()
        highs.setSolution(guess)
    so_far = Solution(None, None, -np.inf)

    def keep(event: Any) -> None:
        nonlocal so_far
        so_far = replace(so_far, bound=max(so_far.bound, float(event.data_out.mip_dual_bound)))

    def keep_solution(event: Any) -> None:
        nonlocal so_far
        so_far = replace(so_far, x=np.array(event.data_out.mip_solution))

    highs.cbMipLogging += keep
    highs.cbMipInterrupt += keep
    highs.cbMipImprovingSolution += keep_solution
    task = None if meanwhile is None else lambda: meanwhile(so_far.bound)
    if not _run(highs, watch, task):
        return so_far
    if highs.getModelStatus() in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return Solution(None, None, np.inf)
    info = highs.getInfo()
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    x = np.array(highs.getSolution().col_value) if feasible else None
    # The dual bound of an optimum differs from its costs by HiGHS's tolerance.
    is_optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return Solution(x, None, float(info.objective_function_value if is_optimal else info.mip_dual_bound))


def _loaded(program: Program, watch: Watch) -> Any:
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("parallel", "off")
    highs.setOptionValue("time_limit", float(max(watch.seconds_left(), 0.01)))
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = program.matrix.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = program.costs, program.lower, program.upper
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = program.matrix.indptr
    model.a_matrix_.index_ = program.matrix.indices
    model.a_matrix_.value_ = program.matrix.data
    highs.passModel(model)
    return highs


def _run(highs: Any, watch: Watch, meanwhile: Callable[[], None] | None) -> bool:
    """Run HiGHS in a thread of its own; whether it ended.

    When the time is over, HiGHS is asked to end. If it does not within `_PATIENCE_S`, it is left alone, and ends when
    it next looks.
    """

    def interrupt(event: Any) -> None:
        if watch.over[0]:
            event.interrupt()

    for callback in (highs.cbSimplexInterrupt, highs.cbIpmInterrupt, highs.cbMipInterrupt):
        callback.subscribe(interrupt)
    # No daemon: the interpreter waits for HiGHS at its end, which would abort the process otherwise.
    thread = threading.Thread(target=highs.run)
    thread.start()
    thread.join(_GRACE_S)
    while thread.is_alive() and not watch.over[0]:
        if meanwhile is None:
            thread.join(_LOOK_EVERY_S)
        else:
            meanwhile()
    thread.join(_PATIENCE_S)
    return not thread.is_alive()
