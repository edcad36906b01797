"""The expected return as a function of a policy's parameters, whose derivatives of every order are unbiased.

Foerster et al. 2018, "DiCE: the infinitely differentiable Monte-Carlo estimator", with the advantages of Farquhar et
al. 2019, "Loaded DiCE", equation 12. What was drawn with a policy depends on its parameters: a plain surrogate
log π · A forgets that when it is differentiated twice, as MAML does, and gives a biased second derivative.
"""

from torch import Tensor

from phiforge.learning.reinforcement.trajectories import powers


def gained(log_probabilities: Tensor, recorded: Tensor, advantages: Tensor, discount: float) -> Tensor:
    """Return, of each trajectory [n], Σ_t γ^t (ρ_≤t − ρ_<t) A_t, where ρ is how much likelier it became.

    At the parameters that it was drawn with, ρ is 1 and this is 0. Its gradient there is Σ γ^t ∇log π_t A_t; the mean
    of any of its derivatives is that of the expected return, if ``advantages`` are what came less any function of the
    state and time.

    Args:
        log_probabilities: of the actions by the policy as it now is [n, T], differentiable; 0 after the end.
        recorded: the same by the policy that drew them, constants.
        advantages: A_t, constants [n, T].
        discount: γ.

    Example::

        gained(log_probabilities, log_probabilities.detach(), advantages, 0.99).mean()
    """
    change = log_probabilities - recorded
    likelier = change.cumsum(dim=1)
    step = likelier.exp() - (likelier - change).exp()
    return (powers(discount, advantages) * step * advantages).sum(dim=1)
