"""See the package."""

from __future__ import annotations

import argparse

from tests.simulation.model import simulate


def main() -> None:
    parser = argparse.ArgumentParser(description="transactions over shards, simulated")
    parser.add_argument("--seed", type=int, help="tell the story of this one")
    parser.add_argument("--seeds", type=int, default=1000)
    args = parser.parse_args()
    if args.seed is not None:
        print("\n".join(simulate(args.seed).story))
        return
    for seed in range(args.seeds):
        simulate(seed)
    print(f"{args.seeds} seeds: nothing torn, nothing left behind")


if __name__ == "__main__":
    main()
