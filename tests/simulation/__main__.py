"""See the package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests import simulation
from tests.simulation import engine, model

_ENGINES: dict[str, Callable[[int], list[str]]] = {
    "model": lambda seed: model.simulate(seed).story,
    "sqlite": engine.simulate,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=simulation.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="python -m tests.simulation"
    )
    parser.add_argument("--engine", choices=_ENGINES, default="model", help="what runs: a model of shards, or shards")
    parser.add_argument("--seed", type=int, help="replay this one and tell its story")
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="run so many")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="beginning with this one")
    args = parser.parse_args()
    simulate = _ENGINES[args.engine]
    seeds = range(args.first, args.first + args.seeds) if args.seed is None else [args.seed]
    failed = 0
    try:
        for seed in seeds:
            try:
                story = simulate(seed)
            except AssertionError as torn:
                failed += 1
                notes = getattr(torn, "__notes__", [])
                print(
                    "\n".join([*notes, f"seed {seed}: {torn}"]) if args.seed is not None else _brief(seed, torn, notes),
                    flush=True,
                )
            else:
                if args.seed is not None:
                    print("\n".join(story))
    finally:
        engine.remove_templates()
    print(f"{len(seeds)} seeds: {f'{failed} failed' if failed else 'nothing torn, nothing left behind'}")
    return 1 if failed else 0


def _brief(seed: int, torn: AssertionError, notes: list[str]) -> str:
    return f"seed {seed}: {torn}\n    {notes[-1].splitlines()[-1] if notes else ''}"


if __name__ == "__main__":
    sys.exit(main())
