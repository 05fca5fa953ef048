"""Our top-level names are plain words: each must belong to our distribution alone, and nothing must be left out."""

import importlib.metadata
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("telemetry", "ingest", "analytics", "api", "simulators", "runtime")


def test_each_of_our_names_belongs_to_our_distribution_alone() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in PACKAGES:
        assert set(owners.get(name, ["cranewatch"])) == {"cranewatch"}, name


def test_the_wheel_lists_the_six_packages_and_no_others() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert tuple(found["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES


def test_every_test_folder_is_a_package_so_that_it_cannot_shadow_ours() -> None:
    for folder in [ROOT / "tests", *(p for p in (ROOT / "tests").rglob("*") if p.is_dir())]:
        if folder.name != "__pycache__" and any(folder.glob("*.py")):
            assert (folder / "__init__.py").exists(), folder


def test_every_module_opens_with_what_it_is_for() -> None:
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            text = module.read_text("utf-8").lstrip()
            assert text.startswith(('"""', 'r"""')), module


def test_no_module_is_longer_than_five_hundred_lines() -> None:
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            assert len(module.read_text("utf-8").splitlines()) <= 500, module


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch here: apt-get install patch")
def test_every_promise_can_still_be_broken_on_purpose() -> None:
    patches = sorted((ROOT / "tests" / "sabotage").glob("*.patch"))
    assert len(patches) == 4
    for patch in patches:
        # What no longer fits would break nothing, and the campaign could not be seen to notice.
        command = ["patch", "--strip=1", "--dry-run", "--silent", f"--input={patch}"]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, patch.name
