import hashlib
import http.server
import io
import threading
import urllib.error
import zipfile

import pytest

import pynn
from pynn import hub


@pytest.fixture
def weights(tmp_path):
    """The URL of a file of weights, its name with its hash, in a folder of its own."""
    file = io.BytesIO()
    pynn.save({"w": pynn.arange(3.0)}, file)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    path = tmp_path / "source" / f"net-{digest[:8]}.pth"
    path.parent.mkdir()
    path.write_bytes(file.getvalue())
    return path


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_hub_dir", None)
    monkeypatch.setenv("PYNN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_folders(monkeypatch, tmp_path):
    assert hub.get_dir() == str(tmp_path / "home" / "hub")
    monkeypatch.delenv("PYNN_HOME")
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    assert hub.get_dir() == "/somewhere/hub"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == "/cache/torch/hub"
    hub.set_dir(tmp_path)
    assert hub.get_dir() == str(tmp_path)
    assert pynn.hub is hub


def test_a_file_is_fetched_once(weights, home, capsys):
    state = hub.load_state_dict_from_url(weights.as_uri(), check_hash=True, progress=False)
    assert state["w"].tolist() == [0, 1, 2]
    kept = home / "hub" / "checkpoints" / weights.name
    assert kept.exists()
    assert "Downloading" in capsys.readouterr().err
    weights.unlink()
    assert hub.load_state_dict_from_url(weights.as_uri(), progress=False)["w"].tolist() == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_progress_folder_name_and_model_zoo(weights, tmp_path, capsys):
    from pynn.utils.model_zoo import load_url

    state = load_url(weights.as_uri(), model_dir=str(tmp_path / "here"), file_name="mine.pth", map_location="cpu")
    assert (tmp_path / "here" / "mine.pth").exists()
    assert state["w"].sum().item() == 3
    assert "100%" in capsys.readouterr().err


def test_the_plain_bar(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hub, "_tqdm", lambda: hub._Bar)
    hub.download_url_to_file(weights.as_uri(), str(tmp_path / "out"))
    assert capsys.readouterr().err == "\r100%\n"


def test_a_wrong_hash_leaves_nothing(weights, home):
    wrong = weights.with_name("net-00000000.pth")
    weights.rename(wrong)
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "00000000", got "[0-9a-f]{64}"\)'):
        hub.load_state_dict_from_url(wrong.as_uri(), check_hash=True, progress=False)
    assert list((home / "hub" / "checkpoints").iterdir()) == []
    with pytest.raises(urllib.error.URLError):
        hub.load_state_dict_from_url(wrong.with_name("none.pth").as_uri(), progress=False)


def test_one_file_packed_in_a_zip(weights, tmp_path):
    packed = tmp_path / "old.pth"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(weights, "inner.pth")
    assert hub.load_state_dict_from_url(packed.as_uri(), progress=False, weights_only=True)["w"].tolist() == [0, 1, 2]


def test_over_http_and_cut_off(weights, tmp_path):
    data = weights.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data if "whole" in self.path else data[:100])

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        assert hub.load_state_dict_from_url(f"{base}/whole.pth?x=1", progress=False)["w"].tolist() == [0, 1, 2]
        with pytest.raises(Exception, match=r"ended early|IncompleteRead"):
            hub.download_url_to_file(f"{base}/part", str(tmp_path / "part"), progress=False)
        assert not (tmp_path / "part").exists()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_a_local_folder(tmp_path):
    (tmp_path / "sizes.py").write_text("WIDTH = 3\n")
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['pynn']\n"
        "import pynn\nfrom sizes import WIDTH\n"
        "def linear(out=2):\n    'A layer.'\n    return pynn.nn.Linear(WIDTH, out)\n"
        "def _hidden():\n    pass\n"
    )
    assert hub.load(str(tmp_path), "linear", source="local", out=4, trust_repo=True).weight.shape == (4, 3)
    assert hub.list(tmp_path, source="local") == ["linear"]
    assert hub.help(tmp_path, "linear", source="local") == "A layer."
    with pytest.raises(RuntimeError, match="Cannot find callable conv in hubconf"):
        hub.load(tmp_path, "conv", source="local")
    with pytest.raises(RuntimeError, match="source='local'"):
        hub.load("someone/something", "linear")
    with pytest.raises(ValueError, match='Unknown source: "gitlab"'):
        hub.load(tmp_path, "linear", source="gitlab")
    with pytest.raises(FileNotFoundError, match="no hubconf"):
        hub.load(tmp_path / "none", "linear", source="local")
    (tmp_path / "hubconf.py").write_text("dependencies = ['not_there_at_all']\ndef f(): pass\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: not_there_at_all"):
        hub.load(tmp_path, "f", source="local")
