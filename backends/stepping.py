"""The optimizer steps as methods of every backend; one that can do better overrides ``run_step`` or a step itself."""

from . import matrix_steps, step_formulas, steps

__all__ = ["Steps"]


class Steps:
    """Steps of optimizers, in place on raw arrays: weights, gradient, state."""

    run_step = step_formulas.run_step

    sgd_step = steps.sgd_step
    adam_step = steps.adam_step

    adadelta_step = step_formulas.adadelta_step
    adagrad_step = step_formulas.adagrad_step
    adamax_step = step_formulas.adamax_step
    asgd_step = step_formulas.asgd_step
    nadam_step = step_formulas.nadam_step
    radam_step = step_formulas.radam_step
    rmsprop_step = step_formulas.rmsprop_step
    rprop_step = step_formulas.rprop_step

    adafactor_step = matrix_steps.adafactor_step
    muon_step = matrix_steps.muon_step
