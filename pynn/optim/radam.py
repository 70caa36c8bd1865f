"""RAdam."""

from pynn.ops.optim_variants import RADAM_STEP
from pynn.optim._grouped import GroupedOptimizer, check_betas, check_lr, check_range, check_switches

__all__ = ["RAdam"]


class RAdam(GroupedOptimizer):
    """Adam with a rectified rate: plain momentum for the first steps, when the mean square is not yet known well.

    State: step, exp_avg, exp_avg_sq. Raises ValueError for options out of range. Liu et al. (2019).
    """

    op = RADAM_STEP
    options = ("lr", "betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize")

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_lr(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group):
        return ("exp_avg", "exp_avg_sq", "step")
