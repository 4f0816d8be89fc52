"""Runs that take turns, so that whatever else this machine does befalls everybody."""
from .work import Failure, say


class Samples(dict):
    """What was measured, by contestant."""

    def __init__(self, *values):
        super().__init__(*values)
        # Sentences about those who did not get to the end.
        self.notes = []


def interleaved(runs, contestants):
    """One run of everybody, then the next. A peer that fails is left out and noted; PeekFS must not fail."""
    samples, left = Samples({name: [] for name in contestants}), dict(contestants)
    for _ in range(runs):
        for name, measure in list(left.items()):
            try:
                samples[name].append(measure())
            except Failure as failure:
                if name == "PeekFS":
                    raise
                say(f"{name}: {failure}")
                samples.notes.append(f"{name} failed")
                del samples[name], left[name]
    return samples


def apart(pairs):
    """Samples that are pairs, as a pair of samples."""
    halves = []
    for place in (0, 1):
        half = Samples({name: [value[place] for value in values] for name, values in pairs.items()})
        half.notes = pairs.notes
        halves.append(half)
    return halves
