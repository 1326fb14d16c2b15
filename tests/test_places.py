"""What can be made again is kept where the user may write, and nobody else may put libraries there."""

import os
import tempfile
from pathlib import Path

import pytest

from engine import places
from engine.places import ROOT, cache_folder, checkout, mine_alone, panel_cache


@pytest.fixture(params=["unknown", "relative", "a file"])
def homeless(request, tmp_path, monkeypatch):
    """Whoever has no home that can be written to; the folder of temporary files."""

    def cache(*given, **named):
        if request.param == "unknown":
            raise RuntimeError("could not determine the home directory")
        return Path("~" if request.param == "relative" else tmp_path / "f")

    (tmp_path / "f").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places.platformdirs, "user_cache_path", cache)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_a_users_cache_is_where_the_system_keeps_such_things(tmp_path, monkeypatch):
    monkeypatch.setattr(places.platformdirs, "user_cache_path", lambda name, appauthor: tmp_path / "cache" / name)
    assert cache_folder("kernels") == tmp_path / "cache" / "dispersion-engine" / "kernels"
    assert cache_folder("kernels").is_dir()


def test_without_a_home_it_is_a_temporary_folder_that_is_found_again(homeless):
    folder = cache_folder("kernels")
    assert folder == homeless / f"dispersion-engine-{os.getuid()}" / "kernels" == cache_folder("kernels")
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert {path.name for path in homeless.parent.iterdir()} == {"f", "temporary"}


def test_a_folder_that_others_can_write_to_is_not_trusted(homeless):
    (homeless / f"dispersion-engine-{os.getuid()}").mkdir()
    (homeless / f"dispersion-engine-{os.getuid()}").chmod(0o777)
    folder = cache_folder("kernels")
    assert folder.parent == homeless
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_is_made_for_oneself_alone_and_a_users_own_that_others_can_write_to_is_not_used(homeless, monkeypatch):
    usual = homeless.parent / "cache" / "dispersion-engine" / "kernels"
    monkeypatch.setattr(
        places.platformdirs, "user_cache_path", lambda name, appauthor: homeless.parent / "cache" / name
    )
    assert cache_folder("kernels") == usual
    assert usual.stat().st_mode & 0o777 == 0o700
    usual.chmod(0o770)
    assert cache_folder("kernels").is_relative_to(homeless)


def test_a_link_a_file_and_a_folder_of_somebody_else_are_not_trusted(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    assert mine_alone(tmp_path)
    assert not mine_alone(tmp_path / "link")
    assert not mine_alone(tmp_path / "file")
    assert not mine_alone(tmp_path / "nowhere")
    if os.getuid() == 0:  # only root gives a folder away
        (tmp_path / "theirs").mkdir()
        os.chown(tmp_path / "theirs", 12345, 12345)
        assert not mine_alone(tmp_path / "theirs")


def test_panels_are_kept_in_the_checkout_and_beside_a_wheel_in_the_users_cache(tmp_path, monkeypatch):
    assert checkout() == ROOT
    assert panel_cache() == ROOT / "results" / "panels"
    monkeypatch.setattr(places, "checkout", lambda: None)
    monkeypatch.setattr(places.platformdirs, "user_cache_path", lambda name, appauthor: tmp_path / name)
    assert panel_cache() == tmp_path / "dispersion-engine" / "panels"


def test_a_folder_without_our_project_file_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "ROOT", tmp_path)
    assert checkout.__wrapped__() is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    assert checkout.__wrapped__() is None
