"""load_pretrained: renamed, stripped, cast, passed over and drawn anew, and a report that says so."""

import re
from collections import OrderedDict

import pytest

import plugrad
from plugrad import nn
from plugrad.nn.utils import LoadingReport, load_pretrained
from plugrad.safetensors import save_file
from plugrad.serialization import CheckpointError, save_npz


class Net(nn.Module):
    def __init__(self, classes=3, body="body"):
        super().__init__()
        self.add_module(body, nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)))
        self.fc = nn.Linear(4, classes)


BODY = ["body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias"]
STATISTICS = ["body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked"]
HEAD = ["fc.weight", "fc.bias"]
NAMES = [*BODY, *STATISTICS, *HEAD]


def net(seed, *arguments):
    plugrad.manual_seed(seed)
    return Net(*arguments)


def values(model):
    return {name: t.tolist() for name, t in model.state_dict().items()}


def states(report):
    return {t.name: t.state for t in report.tensors}


def test_the_same_model_is_loaded_whole():
    old, new = net(0), net(1)
    report = load_pretrained(new, old.state_dict())
    assert values(new) == values(old)
    assert type(report) is LoadingReport
    assert report.loaded == NAMES
    assert (report.skipped, report.missing, report.unexpected, report.frozen) == ([], [], [], [])
    assert values(net(2)) != values(old)
    other = net(2)
    load_pretrained(other, old)  # a module is as good as its state dict
    assert values(other) == values(old)


SAVERS = {"pth": plugrad.save, "npz": save_npz, "safetensors": save_file}


@pytest.mark.parametrize("ending", SAVERS)
def test_files(tmp_path, ending):
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    old, new, path = net(0), net(1), tmp_path / f"model.{ending}"
    SAVERS[ending](old.state_dict(), path)
    for where in (path, str(path)):
        report = load_pretrained(new, where)
        assert report.source == f"model.{ending}"
        assert values(new) == values(old)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CheckpointError):
        load_pretrained(new, path)


def test_key_leads_to_the_state_dict(tmp_path):
    old, new = net(0), net(1)
    checkpoint = {"epoch": 3, "state": {"model": old.state_dict(), "optimizer": {"lr": 0.1}}}
    load_pretrained(new, checkpoint, key=("state", "model"))
    assert values(new) == values(old)
    load_pretrained(new, checkpoint["state"], key="model")
    for wrong, key, text in (
        (checkpoint, None, r"no tensors at its top, but the keys 'epoch', 'state'; choose one by key='state'"),
        (checkpoint, "model", r"the checkpoint has no 'model', but the keys 'epoch', 'state'"),
        (checkpoint, ("epoch", 1), r"the checkpoint has no 1, but a int"),
        (checkpoint, "epoch", r"a state dict is expected in the checkpoint, but there is a int"),
        ({"epoch": 3}, None, r"no tensors at its top, but the keys 'epoch'$"),
    ):
        with pytest.raises(ValueError, match=text):
            load_pretrained(new, wrong, key=key)
    with pytest.raises(TypeError, match="expected a path, a state dict or a module, but got <class 'int'>"):
        load_pretrained(new, 3)
    path = tmp_path / "list.pth"
    plugrad.save([1, 2], path)
    with pytest.raises(ValueError, match="but there is a list"):
        load_pretrained(new, path)


# --- names ---


def test_prefixes_are_taken_off():
    old, new = net(0), net(1)
    wrapped = old.state_dict(prefix="module.")
    report = load_pretrained(new, wrapped, strip_prefix="module.")
    assert values(new) == values(old)
    assert "module.fc.bias" in str(report)
    for prefixes in ("module", ("module.", "_orig_mod."), ["_orig_mod", "module"]):
        assert load_pretrained(net(1), wrapped, strip_prefix=prefixes).loaded == NAMES
    report = load_pretrained(new, old.state_dict(), strip_prefix="module.")
    assert report.idle_prefixes == ["module"]
    assert "no name begins with: module." in str(report)
    modulefc = {"modulefc.weight": old.fc.weight}  # a part of a name is no prefix
    assert load_pretrained(new, modulefc, strip_prefix="module", strict=False).unexpected == ["modulefc.weight"]


def test_parts_are_renamed():
    old, new = net(0, 3, "backbone"), net(1)
    load_pretrained(new, old.state_dict(), rename={"backbone": "body"})
    assert list(values(new).values()) == list(values(old).values())
    load_pretrained(net(1), old.state_dict(), rename={"backbone.": "body."})
    state = {"a.b.weight": plugrad.ones(1), "a.weight": plugrad.zeros(1)}
    model = nn.ModuleDict({"c": nn.ParameterDict({"weight": plugrad.full((1,), 5.0)})})
    report = load_pretrained(model, state, rename={"a": "x", "a.b": "c"}, strict=False)  # the longest counts
    assert (model.c.weight.item(), report.unexpected) == (1, ["a.weight"])
    report = load_pretrained(model, state, rename={"a.b": "", "a": "c"}, strict=False)
    assert (model.c.weight.item(), report.unexpected) == (0, ["a.b.weight"])


def test_names_are_exchanged():
    old = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Linear(1, 1)})
    new = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Linear(1, 1)})
    load_pretrained(new, old, rename={"a": "b", "b": "a"})
    assert (new.a.weight.item(), new.b.weight.item()) == (old.b.weight.item(), old.a.weight.item())


def test_expressions_and_what_is_left_out():
    state = OrderedDict(
        [("enc.norm.gamma", plugrad.ones(2)), ("enc.norm.beta", plugrad.zeros(2)), ("opt.step", plugrad.ones(1))]
    )
    model = nn.ModuleDict({"norm": nn.LayerNorm(2)})
    rename = {
        "enc": "",
        "opt": None,
        re.compile(r"\.gamma$"): ".weight",
        re.compile(r"^(.*)\.beta$"): r"\1.bias",
    }
    report = load_pretrained(model, state, rename=rename)
    assert (report.loaded, report.left_out) == (["norm.weight", "norm.bias"], ["opt.step"])
    assert "left out: opt.step" in str(report)
    report = load_pretrained(model, state, rename={**rename, "opt": "x", re.compile("step"): None})
    assert report.left_out == ["opt.step"]


def test_renames_that_are_wrong():
    state = net(0).state_dict()
    with pytest.raises(ValueError, match=r"rename: 'bod' fits no name in the checkpoint; did you mean 'body"):
        load_pretrained(net(1), state, rename={"bod": "x"})
    with pytest.raises(ValueError, match=r"rename: 'zzz\$' fits no name in the checkpoint$"):
        load_pretrained(net(1), state, rename={re.compile("zzz$"): "x"})
    with pytest.raises(ValueError, match=r"rename: 'fc.weight' and 'fc.bias' both become 'fc'"):
        load_pretrained(net(1), state, rename={re.compile(r"^fc\..*"): "fc"})
    for wrong in ({3: "a"}, {"a": 3}, {"a": re.compile("b")}):
        with pytest.raises(TypeError, match="rename: expected text or a compiled regular expression"):
            load_pretrained(net(1), state, rename=wrong)


def test_versions_of_layers_follow_their_names():
    """BatchNorm fills in a missing count of batches only for a file of its first version."""
    state = net(0, 3, "old").state_dict()
    del state["old.1.num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "body.1.num_batches_tracked"'):
        load_pretrained(net(1), state, rename={"old": "body"})
    state._metadata["old.1"]["version"] = 1
    report = load_pretrained(net(1), state, rename={"old": "body"})
    assert states(report)["body.1.num_batches_tracked"] == "filled in"
    assert "set by the layer; not in the checkpoint" in str(report)


# --- what does not fit ---


def test_everything_wrong_is_raised_in_torchs_words_and_nothing_written():
    old, new = net(0, 10), net(1)
    state = old.state_dict()
    state["extra"] = state.pop("body.0.bias")
    before = values(new)
    with pytest.raises(RuntimeError) as caught:
        load_pretrained(new, state)
    with pytest.raises(RuntimeError) as of_the_module:
        net(1).load_state_dict(state)
    assert str(caught.value).startswith(str(of_the_module.value))
    assert "on_mismatch='skip'" in str(caught.value)
    assert values(new) == before
    with pytest.raises(RuntimeError, match=r"size mismatch for fc\.weight") as caught:
        load_pretrained(new, state, strict=False)
    assert "key(s)" not in str(caught.value)
    with pytest.raises(RuntimeError, match=r"Missing key\(s\)") as caught:
        load_pretrained(new, state, on_mismatch="skip")
    assert "size mismatch" not in str(caught.value)
    assert values(new) == before


def test_skip_keeps_the_models_own():
    old, new = net(0, 10), net(1)
    before = values(new)
    report = load_pretrained(new, old, on_mismatch="skip")
    assert (report.loaded, report.skipped) == ([*BODY, *STATISTICS], HEAD)
    after = values(new)
    assert {n: after[n] for n in HEAD} == {n: before[n] for n in HEAD}
    assert {n: after[n] for n in BODY} == {n: values(old)[n] for n in BODY}


def test_reset_draws_anew_and_loads_what_fits():
    old, new = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(2, 2)), nn.Sequential(nn.Conv2d(1, 4, 1), nn.Linear(2, 2))
    with plugrad.no_grad():
        new[0].weight.fill_(7.0)
    report = load_pretrained(new, old, on_mismatch="reset")
    assert (report.reinitialised, report.skipped) == (["0.weight"], [])
    assert report.loaded == ["0.bias", "1.weight", "1.bias"]
    assert new[0].weight.flatten().tolist() != [7.0] * 4
    assert new[0].bias.tolist() == old[0].bias.tolist()
    bare = nn.ParameterDict({"w": plugrad.ones(2)})
    with pytest.raises(ValueError, match=r"on_mismatch='reset': the model \(ParameterDict\) has no reset_parameters"):
        load_pretrained(bare, {"w": plugrad.ones(3)}, on_mismatch="reset")


def test_missing_of_a_reset_layer_is_reinitialised_too():
    old, new = nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.Linear(2, 2))
    state = old.state_dict()
    del state["0.bias"]
    report = load_pretrained(new, state, on_mismatch="reset", strict=False)
    assert (report.reinitialised, report.missing) == (["0.weight", "0.bias"], [])


def test_missing_and_left_over_names_are_told():
    new = net(1)
    before = values(new)
    report = load_pretrained(new, {"fc.weight": plugrad.zeros(3, 4), "head.x": plugrad.ones(1)}, strict=False)
    assert report.loaded == ["fc.weight"]
    assert report.missing == [*BODY, *STATISTICS[:2], "fc.bias"]  # BatchNorm sets its count itself
    assert report.unexpected == ["head.x"]
    assert values(new)["fc.bias"] == before["fc.bias"]
    assert "unexpected: head.x" in str(report)
    assert "1 unexpected" in repr(report)


def test_dtypes_are_cast_only_without_loss_of_kind():
    model = nn.Linear(2, 1)
    model.register_buffer("count", plugrad.zeros(1, dtype=plugrad.int64))
    state = {
        "weight": plugrad.tensor([[1.0, 2.0]], dtype=plugrad.float64),
        "bias": plugrad.tensor([3], dtype=plugrad.int64),
        "count": plugrad.tensor([4.5]),
    }
    with pytest.raises(RuntimeError, match=r'named "count": torch.float32 in the checkpoint, torch.int64 in the model'):
        load_pretrained(model, state)
    report = load_pretrained(model, state, on_mismatch="skip")
    assert (report.loaded, report.skipped) == (["weight", "bias"], ["count"])
    assert (model.weight.dtype, model.weight.tolist(), model.bias.tolist()) == (plugrad.float32, [[1, 2]], [3])
    assert model.count.tolist() == [0]
    assert "weight, torch.float64 → torch.float32" in str(report)


def test_values_that_are_no_tensors():
    state = {"weight": plugrad.ones(1, 2), "bias": 3, "epoch": 5}
    report = load_pretrained(nn.Linear(2, 1), state, on_mismatch="skip", strict=False)
    assert (report.skipped, report.unexpected) == (["bias"], ["epoch"])
    assert "a int in the checkpoint" in str(report)
    with pytest.raises(RuntimeError, match=r'While copying the parameter named "bias": a int in the checkpoint'):
        load_pretrained(nn.Linear(2, 1), state, strict=False)


class WithExtra(nn.Module):
    def __init__(self, note):
        super().__init__()
        self.weight = nn.Parameter(plugrad.ones(1))
        self.note = note

    def get_extra_state(self):
        return self.note

    def set_extra_state(self, state):
        self.note = state


def test_extra_state_is_loaded():
    new = WithExtra("new")
    report = load_pretrained(new, WithExtra("old"))
    assert (new.note, report.loaded) == ("old", ["weight", "_extra_state"])
    assert "_extra_state" in str(report)
    report = load_pretrained(new, {"weight": plugrad.ones(1)}, strict=False)
    assert report.missing == ["_extra_state"]


def test_old_scalars_of_one_element():
    model = nn.ParameterDict({"scale": plugrad.tensor(1.0)})
    assert load_pretrained(model, {"scale": plugrad.tensor([2.0])}).loaded == ["scale"]
    assert model["scale"].item() == 2


# --- freezing ---


def test_what_was_loaded_is_frozen():
    new = net(1)
    report = load_pretrained(new, net(0, 10), on_mismatch="skip", freeze=True)
    assert report.frozen == BODY
    assert [name for name, p in new.named_parameters() if p.requires_grad] == HEAD
    new.train()
    mean = new.body[1].running_mean.tolist()
    new.body(plugrad.rand(5, 2))
    assert new.body[1].running_mean.tolist() == mean
    assert [line.split()[-2:] for line in str(report).splitlines() if "frozen  " in line] == [
        ["frozen", name] for name in BODY
    ]
    assert str(report).endswith("2 skipped, 4 frozen")


def test_frozen_before_is_told():
    new = nn.freeze(net(1), "fc")
    assert load_pretrained(new, net(0)).frozen == HEAD


def test_nothing_loaded_freezes_nothing():
    model = nn.Linear(2, 1)
    report = load_pretrained(model, {}, strict=False, freeze=True)
    assert report.frozen == []
    assert model.weight.requires_grad


def test_the_table():
    report = load_pretrained(nn.Linear(2, 3), {"weight": plugrad.ones(3, 2), "x": plugrad.ones(1)}, strict=False)
    assert str(report).splitlines() == [
        "name    shape   state      from, or why",
        "------------------------------------------------",
        "weight  [3, 2]  loaded     weight",
        "bias    [3]     missing    not in the checkpoint",
        "------------------------------------------------",
        "unexpected: x",
        "state dict: 1 of 2 tensors loaded (6 of 9 elements), 1 missing, 1 unexpected",
    ]


def test_unknown_ways():
    with pytest.raises(ValueError, match=r"on_mismatch must be one of 'raise', 'skip', 'reset', but got 'ignore'"):
        load_pretrained(nn.Linear(1, 1), {}, on_mismatch="ignore")


def test_values_go_to_the_models_device():
    new = net(1)
    state = {name: t.cpu() for name, t in net(0).state_dict().items()}
    load_pretrained(new, state)
    assert values(new) == values(net(0))
    assert {p.device for p in new.parameters()} == {plugrad.ones(1).device}
