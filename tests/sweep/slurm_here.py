"""A Slurm of one machine, as far as submitit and the engine ask it anything: scripts run at once, none waits."""

import os
from pathlib import Path

COMMANDS = {
    # The script of an array is run once for each of its tasks; `jobs` holds a file per job with its process.
    "sbatch": r"""
        here=$(dirname "$0"); script="${@: -1}"; mkdir -p "$here/jobs"
        number=$((7 + $(ls "$here/jobs" | wc -l)))
        last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
        export SLURM_JOB_NUM_NODES=1 SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0
        export SLURM_JOB_NODELIST=here SLURM_JOB_ID=$number
        if [ -z "$last" ]; then
            setsid bash "$script" > /dev/null 2>&1 & echo $! > "$here/jobs/$number"
        else
            for task in $(seq 0 "$last"); do
                export SLURM_ARRAY_JOB_ID=$number SLURM_ARRAY_TASK_ID=$task
                setsid bash "$script" > /dev/null 2>&1 & echo $! > "$here/jobs/${number}_$task"
            done
        fi
        cp "$script" "$here/submitted"
        echo "Submitted batch job $number" """,
    "squeue": """
        for job in "$(dirname "$0")"/jobs/*; do kill -0 "$(cat "$job")" 2> /dev/null && basename "$job"; done
        true """,
    "scancel": """
        kill -9 -- -"$(cat "$(dirname "$0")/jobs/$1")" 2> /dev/null
        true """,
    "srun": """
        while [[ "$1" != */python* ]]; do shift; done
        exec "$@" """,
    "sacct": "exit 1",  # accounting is switched off, as on many a cluster
    "scontrol": "echo here",
}


def slurm_here(place: Path, monkeypatch) -> Path:
    """Put the commands of Slurm first on the path; return their folder, where `submitted` is the last script."""
    folder = place / "bin"
    folder.mkdir()
    for name, lines in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/bash\n{lines.strip()}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder
