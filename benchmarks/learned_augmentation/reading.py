"""What the page says beside its figures."""

READING = """
Each policy below is drawn as probabilities and largest amounts. At first each operation has the probability 0.5 and a
fifth of the most that it can do: translations 0.10 of half a side, rotation 0.16, shear 0.10, scale 0.10, brightness
0.10, contrast 0.20.

![support images and copies of them](learned-augmentation.png)
"""
