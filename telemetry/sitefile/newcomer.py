"""The file that a newcomer begins with: commented, and good as it stands."""

from importlib import resources
from typing import Final

FILE: Final = "newcomer.toml"
SITE: Final = "my-site"


def text(site: str = SITE) -> str:
    """It, for a site of that id."""
    found = (resources.files("telemetry.sitefile") / FILE).read_text("utf-8")
    return found.replace(f'id = "{SITE}"', f'id = "{site}"', 1)
