"""Whether the audit holds what clients were told, over many kills: the driver is the end-to-end suite's."""

from pathlib import Path

from harness import kills
from harness.checks import Failed as CaseFailed
from harness.scene import Scene
from runner import Figures
from servers import Failed

KILLS = 50
QUICK_KILLS = 8
ANSWERED_MIN = 20  # a life, on the average: less is no load


def kill_over_and_over(bench):
    lives = QUICK_KILLS if bench.quick else KILLS
    scene = Scene(Path(bench.build).resolve(), "auto")
    try:
        try:
            return kills.kill_over_and_over(scene, lives, bench.random)
        finally:
            scene.end()
    except CaseFailed as failure:
        raise Failed(str(failure)) from failure


def figures(bench, found):
    """`found(outcome)`: what should be none."""
    outcome = bench.once(kill_over_and_over)
    detail = {"kills": outcome.kills, "answered": outcome.answered, "lines": outcome.lines}
    faulty = found(outcome)
    few = outcome.answered < ANSWERED_MIN * outcome.kills
    return Figures([len(faulty)], detail | {"first": faulty[:10]},
                   f"no load: {outcome.answered} requests answered in {outcome.kills} lives" if few else "")


def lost(bench):
    return figures(bench, lambda outcome: outcome.lost)


def duplicated(bench):
    return figures(bench, lambda outcome: outcome.duplicated)
