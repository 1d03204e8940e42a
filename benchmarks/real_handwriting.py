"""Compare Inkling on real handwriting with the same pictures squeezed to 28x28, as most demos do.

    python benchmarks/real_handwriting.py [--writers apart] [--real FOLDER]

Needs the real handwriting and its scorer, `score_real.py`, which do not come with the project; by
default they are expected in `../shared`. The default model was trained on pen strokes, so only the
held-out writers count.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SQUEEZE = f"{sys.executable} {ROOT / 'benchmarks' / 'squeeze.py'}"
NOTES = {"none": "rejected", "strings": "exact", "digits": "right"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", choices=("apart", "train", "all"), default="apart")
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared", help="folder of real/ and tools/")
    options = parser.parse_args()
    scorer = options.real / "tools" / "score_real.py"
    if not scorer.is_file():
        sys.exit(f"There is no {scorer}.")
    ours, squeezed = (score(scorer, options, command) for command in (None, SQUEEZE))
    print("| pictures | | Inkling | squeezed to 28x28 |")
    print("|---|---|---|---|")
    for name, row in ours.items():
        errors = f" (of the characters {row['character_error_rate']:.1%} wrong)" if row["kind"] == "strings" else ""
        what = f"{row['n']:,} {NOTES[row['kind']]}"
        print(f"| {name} | {what} | {row['right']:.2%}{errors} | {squeezed[name]['right']:.2%} |")
    single = [name for name in ours if "single" in name]
    count = sum(ours[name]["n"] for name in single)
    both = [sum(table[name]["right"] * table[name]["n"] for name in single) / count for table in (ours, squeezed)]
    print(f"| photos/single together | {count} right | {both[0]:.2%} | {both[1]:.2%} |")


def score(scorer: Path, options: argparse.Namespace, command: str | None) -> dict:
    """Run the scorer: {set: {"kind", "n", "right", ...}}."""
    arguments = [sys.executable, str(scorer), "--json", "--writers", options.writers]
    arguments += ["--predict", command] if command else []
    done = subprocess.run(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
