"""The command line: mistakes are told, and nothing is sent."""

from pathlib import Path

import pytest

from simulators.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seed", "seven"], "seed"),
        (["--speed", "0"], "speed"),
        (["--speed", "10"], "for_s"),
        (["--scenario", "nowhere"], "there are: dead-device, demo"),
        (["--scenario", "missing.toml"], "missing.toml"),
        (["--crane-interval-ms", "10"], "crane_interval_ms"),
        (["--site", "none.toml"], "none.toml"),
    ],
)
def test_a_mistake_ends_with_status_two_and_says_which(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--journal", str(tmp_path / "j.db"), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_without_a_journal_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "journal" in capsys.readouterr().err
