"""What was measured, as a table for people and as JSON for programs."""
import dataclasses
import datetime
import json
import os
import platform
import statistics


def times(ratio):
    return f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.2f} ×"


@dataclasses.dataclass
class Row:
    """One line of the table: samples of PeekFS and of those beside it, all in `unit`."""

    key: str
    what: str
    goal: str
    unit: str
    samples: dict
    # Of the medians: whether the goal is reached; None where there is no goal.
    judge: object = None
    # The other contestants are shown with PeekFS's median divided by theirs.
    has_ratios: bool = True
    note: str = ""

    def __post_init__(self):
        self.note = "; ".join([self.note] * bool(self.note) + getattr(self.samples, "notes", []))

    @property
    def medians(self):
        return {name: statistics.median(values) for name, values in self.samples.items()}

    @property
    def is_met(self):
        return None if self.judge is None else bool(self.judge(self.medians))

    def text(self, value):
        if self.unit in ("requests", "/s"):
            return f"{value:,.0f}{'/s' if self.unit == '/s' else ''}"
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
        if self.unit == "s" and value < 0.1:
            digits = 3
        return f"{value:,.{digits}f} {self.unit}"

    def cells(self):
        own = self.samples.get("PeekFS", [])
        mine = self.text(statistics.median(own)) if own else "–"
        if own and len(own) > 1:
            low, high = (self.text(value).removesuffix(self.unit).strip() for value in (min(own), max(own)))
            mine += f" ({low}–{high})"
        beside = []
        for name, median in self.medians.items():
            if name == "PeekFS":
                continue
            text = f"{name} {self.text(median)}"
            if own and self.has_ratios and median:
                text += f" ({times(statistics.median(own) / median)})"
            beside.append(text)
        verdict = {None: "", True: "yes", False: "**no**"}[self.is_met]
        return [self.what, self.goal, mine, "; ".join(beside + [self.note] * bool(self.note)), verdict]

    def json(self):
        return {
            "row": self.key, "what": self.what, "goal": self.goal, "unit": self.unit, "met": self.is_met,
            "note": self.note,
            "contestants": {
                name: {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": values}
                for name, values in self.samples.items()},
        }


@dataclasses.dataclass
class Missing:
    """A row that could not be measured, and why."""

    key: str
    reason: str

    def cells(self):
        return [self.key, "", "not measured", self.reason, ""]

    def json(self):
        return {"row": self.key, "reason": self.reason}


HEADINGS = ["what", "goal", "PeekFS: median (min–max)", "beside it: median (PeekFS ÷ it)", "met"]


def line(cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def heading():
    return line(HEADINGS) + "\n" + line(["---"] * len(HEADINGS)).replace(" ", "")


def machine():
    """One sentence."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [entry.split(":")[1].strip() for entry in file if entry.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return f"{len(names)} cores ({names[0]}), {memory:.0f} GiB of memory, Linux {platform.release()}, {system}"


def document(rows, runs, versions):
    return json.dumps(
        {
            "date": datetime.date.today().isoformat(), "machine": machine(), "runs": runs, "versions": versions,
            "rows": [row.json() for row in rows],
        }, indent=2)
