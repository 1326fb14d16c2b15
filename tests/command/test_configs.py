"""Every file of the configuration composes, makes the object it names, and repeats that object's own defaults."""

from dataclasses import MISSING, fields

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from engine.command.hydra import resolved
from engine.command.messages import CONFIGS, choices_of, explained, suggestion
from engine.command.objects import build
from engine.correlation import Names
from engine.data.load import find_source
from engine.errors import InputError

COMMANDS = ("backtest", "correlate", "benchmark", "book")
# Groups whose files describe an object; the others set keys of the root.
OBJECTS = (
    "basket",
    "structure",
    "strategy",
    "sizing",
    "scale",
    "limits",
    "schedule",
    "exits",
    "hedge",
    "costs",
    "marks",
)
SETS = ("experiment", "sweep", "debug")
FILES = [(group, choice) for group in (*OBJECTS, *SETS, "market", "report") for choice in choices_of(group)]
NEEDED = {"names": ["basket.names=[AAPL,MSFT]"]}  # what a choice has no default for


def composed(command="backtest", *overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        return compose(command, overrides=list(overrides))


def test_every_folder_of_the_configuration_is_covered():
    folders = {folder.name for folder in CONFIGS.iterdir() if folder.is_dir()} - {"hydra", "local"}
    assert folders == {group for group, _ in FILES} | {"benchmark"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_without_any_choice(command):
    assert resolved(composed(command))["study"] == command


@pytest.mark.parametrize(("group", "choice"), FILES)
def test_every_choice_composes_and_builds_its_objects(group, choice):
    config = resolved(composed("backtest", f"{group}={choice}", *NEEDED.get(choice, [])))
    for name in OBJECTS if group in SETS else (group,):
        if name in OBJECTS:
            assert build(config[name], name) is not None


@pytest.mark.parametrize(("group", "choice"), [(g, c) for g, c in FILES if g in OBJECTS and c != "names"])
def test_values_repeat_the_defaults_of_the_class(group, choice):
    written = OmegaConf.to_container(OmegaConf.load(CONFIGS / group / f"{choice}.yaml"))
    made = build(written, group)
    assert made == type(made)()
    # What is set through a choice must be seen in it; a free trade has no rates to choose.
    if choice != "none":
        assert set(written) - {"_target_"} == {f.name for f in fields(made)}


@pytest.mark.parametrize("choice", [choice for choice in choices_of("market") if choice != "auto"])
def test_a_market_repeats_the_defaults_of_its_source(choice, tmp_path):
    market = resolved(composed("backtest", f"market={choice}"))["market"]
    settings = {key: value for key, value in market.items() if key not in ("_target_", "name", "path", "as_of")}
    assert market.get("as_of") is None  # of the loader, not of a source
    source = find_source(market["name"], tmp_path, settings)
    defaults = {f.name: f.default for f in fields(source) if f.default is not MISSING}
    assert settings == {key: defaults[key] for key in settings}


@pytest.mark.parametrize("choice", choices_of("benchmark"))
def test_every_size_of_the_benchmark_builds_and_says_its_name(choice):
    assert build(resolved(composed("benchmark", f"benchmark={choice}"))["benchmark"], "benchmark").name == choice


def test_debug_keeps_the_market_small():
    market = composed("backtest", "debug=small").market
    assert market.years <= 2
    assert market.names <= 10


def test_a_list_of_names_becomes_a_basket():
    assert build({"_target_": "engine.correlation.Names", "names": ["AAPL"]}, "basket") == Names(("AAPL",))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": "engine.correlation.TopWeights", "m": 3}, "basket has no setting m"),
        ({"_target_": "engine.correlation.TopWeights", "n": 2.5}, "basket.n=2.5 is not a whole number"),
        ({"_target_": "engine.correlation.TopWeights", "n": True}, "basket.n=True is not a whole number"),
        ({"_target_": "engine.correlation.Names", "names": "AAPL"}, r"write 'basket.names=\[AAPL\]'"),
        ({"_target_": "engine.correlation.Nmaes"}, "basket._target_=engine.correlation.Nmaes cannot be imported"),
        ({"n": 3}, "makes nothing; choose one of all, everything"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(node, message):
    with pytest.raises(InputError, match=message):
        build(node, "basket")


def test_an_error_of_ours_is_not_explained_away():
    assert explained(ZeroDivisionError("division by zero"), "backtest") is None


def test_suggestions_come_before_lists():
    assert suggestion("vega_netral", choices_of("sizing"), "it can be") == "did you mean vega_neutral?"
    assert suggestion("qqq", ["a", "b"], "it can be") == "it can be a, b"
