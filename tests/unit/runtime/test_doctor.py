"""The doctor finds what no service reads, and knows every setting."""

from ingest.settings import IngestSettings
from runtime.doctor import Verdict, known_settings, settings_findings, variables


def test_a_misspelt_variable_is_found_with_the_nearest_right_one() -> None:
    findings = settings_findings(["CRANEWATCH_MQTT__HOSTS", "PATH"], known_settings())
    assert [(f.verdict, f.advice) for f in findings] == [(Verdict.BAD, "did you mean CRANEWATCH_MQTT__HOST?")]


def test_known_variables_are_good() -> None:
    names = {name for model in known_settings() for name in variables(model)}
    assert [f.verdict for f in settings_findings(names, known_settings())] == [Verdict.GOOD]


def test_nested_sections_have_a_double_underscore() -> None:
    names = set(variables(IngestSettings))
    assert {"CRANEWATCH_DATABASE__URL", "CRANEWATCH_MQTT__PORT", "CRANEWATCH_RECEIVE_MAXIMUM"} <= names
