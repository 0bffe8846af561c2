"""Downloads: from files and from a server on this machine, whole or not at all."""

import contextlib
import hashlib
import http.server
import os
import threading
import urllib.error

import pytest

import plugrad
from plugrad import hub


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_chosen", {"folder": str(tmp_path / "hub")})
    return tmp_path


def saved(folder, name="weights.pt"):
    path = folder / name
    plugrad.save({"weight": plugrad.arange(3.0)}, path)
    return path


@contextlib.contextmanager
def served(folder):
    agents = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments):
            agents.append(self.headers.get("User-Agent"))

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", agents
        finally:
            server.shutdown()
            thread.join()


def test_a_state_dict_from_a_server(folder, capsys):
    path = saved(folder)
    with served(folder) as (address, agents):
        url = f"{address}/weights.pt?version=3"
        state = hub.load_state_dict_from_url(url, progress=False, map_location="cpu", weights_only=True)
        assert state["weight"].tolist() == [0, 1, 2]
        cached = folder / "hub" / "checkpoints" / "weights.pt"
        assert capsys.readouterr().out == f'Downloading: "{url}" to {cached}\n'
        assert cached.read_bytes() == path.read_bytes()
        hub.load_state_dict_from_url(url)  # the file is there
        assert capsys.readouterr() == ("", "")
        assert agents == ["plugrad.hub"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            hub.load_state_dict_from_url(f"{address}/other.pt", progress=False)
    assert os.listdir(cached.parent) == ["weights.pt"]


def test_the_hash_in_the_name(folder):
    path = saved(folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    good = path.rename(folder / f"net-{digest[:8]}.pt")
    state = hub.load_state_dict_from_url(good.as_uri(), str(folder / "models"), progress=False, check_hash=True)
    assert list(state) == ["weight"]
    bad = good.rename(folder / "net-00000000.pt")
    with pytest.raises(RuntimeError, match=f'^invalid hash value \\(expected "00000000", got "{digest}"\\)$'):
        hub.load_state_dict_from_url(bad.as_uri(), str(folder / "models"), progress=False, check_hash=True)
    assert os.listdir(folder / "models") == [good.name]
    hub.load_state_dict_from_url(bad.as_uri(), str(folder / "models"), progress=False, file_name="other.pt")
    assert (folder / "models" / "other.pt").exists()


def test_what_was_there_stays_if_the_download_fails(folder):
    path, target = saved(folder), folder / "target"
    target.write_text("before")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file(path.as_uri(), str(target), "0" * 8, progress=False)
    assert target.read_text() == "before"
    assert sorted(os.listdir(folder)) == ["target", "weights.pt"]
    hub.download_url_to_file(path.as_uri(), str(target), progress=False)
    assert target.read_bytes() == path.read_bytes()


def test_progress_is_shown(folder, capsys):
    path = saved(folder)
    hub.download_url_to_file(path.as_uri(), str(folder / "copy"))
    assert capsys.readouterr().err != ""


def test_the_folder(monkeypatch):
    monkeypatch.setattr(hub, "_chosen", {})
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    assert hub.get_dir() == os.path.join("/somewhere", "hub")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == os.path.join("/cache", "torch", "hub")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert hub.get_dir() == os.path.expanduser("~/.cache/torch/hub")
    hub.set_dir("~/models")
    assert hub.get_dir() == os.path.expanduser("~/models")


@pytest.mark.oracle
def test_the_folder_is_torch_s(monkeypatch):
    import torch

    monkeypatch.setattr(hub, "_chosen", {})
    for name, value in (("TORCH_HOME", "~/torch"), ("XDG_CACHE_HOME", "~/cache"), ("NOTHING", "")):
        monkeypatch.setenv(name, value)
        assert hub.get_dir() == torch.hub.get_dir()
        monkeypatch.delenv(name)


def test_code_is_not_run(folder):
    with pytest.raises(NotImplementedError, match=r"hub\.load: plugrad runs no code from repositories"):
        hub.load("pytorch/vision", "resnet18", pretrained=True)
    with pytest.raises(NotImplementedError, match="weights_only=False is not supported"):
        hub.load_state_dict_from_url(saved(folder).as_uri(), progress=False, weights_only=False)
