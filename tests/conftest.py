"""What several tests share."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.laws", "tests.processes")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Data that nobody in this project wrote: beside the repository, never in it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: no real data to read")
    return folder
