"""dispersion COMMAND ...: the same as `python -m engine.COMMAND ...`, from wherever the package is installed."""

import runpy
import sys
from importlib.metadata import version

from engine.command.messages import give_up, suggestion
from engine.places import NAME

COMMANDS = {
    "run": "one backtest, or a sweep with -m",
    "correlate": "implied correlation of every date, tenor, delta and basket",
    "book": "the sheet of a real book: dispersion book positions=FILE",
    "inspect": "what a file or folder is, and the command that uses it: dispersion inspect PATH",
    "verify": "whether stored panels, runs and sweeps are what was written: dispersion verify FOLDER...",
    "merge": "the shards of a sweep joined to one sweep: dispersion merge FOLDER...",
    "benchmark": "speed against the machine's own limits and plain loops",
}
COMPLETED = ("run", "correlate", "book", "benchmark")  # those whose words are groups and settings


def main() -> None:
    """Start the command that the first word names, with the words after it."""
    word, *options = sys.argv[1:] or ["--help"]
    if word in ("-h", "--help"):
        print(_help())
    elif word == "--version":
        print(f"{NAME} {version(NAME)}")
    elif word == "completion":
        print(_completion())
    elif word in COMMANDS:
        sys.argv[1:] = options
        runpy.run_module(f"engine.{word}", run_name="__main__", alter_sys=True)
    else:
        give_up(f"there is no command {word}; {suggestion(word, COMMANDS, 'there are')}")


def _help() -> str:
    lines = [f"  dispersion {name:<10} {words}" for name, words in COMMANDS.items()]
    return "\n".join(["Usage: dispersion COMMAND [group=choice] [key=value] ...", "", *lines, "", _MORE])


def _completion() -> str:
    """Return a function of bash that completes commands, and asks Hydra to complete the words of one.

    Hydra takes the word before them for the command, which the shell calls `dispersion run`.
    """
    return f"""_dispersion() {{
  local command="${{COMP_WORDS[1]}}"
  if [ "$COMP_CWORD" -le 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(COMMANDS)}" -- "$command"))
  elif [[ " {" ".join(COMPLETED)} " == *" $command "* ]]; then
    local line="dispersion ${{COMP_LINE#*"$command" }}"
    COMPREPLY=($(COMP_LINE="$line" dispersion "$command" --shell-completion query=bash 2>/dev/null))
  fi
}}
[ -n "$ZSH_VERSION" ] && autoload -U +X bashcompinit && bashcompinit
COMP_WORDBREAKS="${{COMP_WORDBREAKS//=}}"
complete -o nospace -o default -F _dispersion dispersion"""


_MORE = (
    "dispersion COMMAND --help lists the choices. Results go to ./results; choices of your own come from ./configs.\n"
    'Completion of all these words, in bash or zsh: eval "$(dispersion completion)"'
)
