"""The pages that reasons of health link to."""

import subprocess
import sys

import pytest
from django.urls import reverse

from monitoring.health.values import Page
from syncapp.conf.settings import BASE_DIR


@pytest.mark.parametrize("page", Page)
def test_the_path_is_the_address(page: Page) -> None:
    assert page.path == reverse(page)


def test_a_program_without_pages_knows_it_too() -> None:
    code = (
        "import sys, django; sys.argv = ['manage.py', 'sync_status']; django.setup(); "
        "from monitoring.health.values import Page; print(Page.HALTS.path)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == Page.HALTS.path
