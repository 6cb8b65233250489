"""The shell, called in this process: each module says which COMMAND it is about."""

import pytest

from otkit.cli import main


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shell(capfd, request):
    def run(*arguments):
        code = main([request.module.COMMAND, *map(str, arguments)])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def failed(shell):
    def run(*arguments, code=2):
        found, out, err = shell(*arguments)
        assert (found, out) == (code, "")
        assert err.startswith("otkit: ") and err.count("\n") == 1 and "Traceback" not in err
        return err

    return run
