"""From φ and a person's pictures to labels with probabilities: no queue, no fleet."""
