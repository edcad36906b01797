"""What the page says beside its figures."""

READING = """
Methods without a row were not run, and few tasks and seeds say little: what is here shows that each learns, not which
of them is better. No gain by learned perturbation or augmentation is claimed. The published gain of meta-dropout
(20-way 1-shot, 95.23 to 96.63 %) is of far more tasks. The command goes on where it was stopped, and `--tasks` makes
it longer.

Of each policy that was learned, the probability of each operation and its largest amount. At first each operation has
the probability 0.50 and a fifth of the most that it can do: translations 0.10 of half a side, rotation 0.16, shear
0.10, scale 0.10, brightness 0.10, contrast 0.20.
"""
PICTURE = """
Support images, first in each row, and copies of them, by the policy at first and as it was learned, with the same
draws:

![support images and copies of them](learned-augmentation.png)
"""
