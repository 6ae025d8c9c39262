"""The one reader of .npz: what numpy writes comes back, and nothing else is believed."""

import os
import struct
import threading
import zipfile

import numpy as np
import pytest
from conftest import ROOT, some_motion

from niki.errors import NikiError
from niki.files import read_npz
from niki.motion.motion import Motion
from niki.network.model import Network, NetworkSpec
from niki.network.temporal import TemporalNetwork


def header(descr="<f8", shape="(3,)", order="False"):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_comes_back(tmp_path, save):
    arrays = {
        "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)), "empty": np.zeros((0, 3)),
        "text": np.array("Grüße, 日本"), "no_text": np.array(""), "bytes": np.array([b"male"]),
        "truth": np.array([True, False]), "big_endian": np.arange(3, dtype=">i4"), "scalar": np.float16(1.5),
    }  # fmt: skip
    save(tmp_path / "a.npz", **arrays)
    back = read_npz(tmp_path / "a.npz")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == np.asarray(array).dtype
    back["fortran"][0, 0] = 5  # one's own to change


def test_only_what_is_asked_for_is_looked_at(tmp_path):
    np.savez(tmp_path / "a.npz", good=np.ones(3), bad=np.array([{}], dtype=object))
    assert read_npz(tmp_path / "a.npz", ["good", "absent"]).keys() == {"good"}
    with pytest.raises(NikiError, match="bad holds Python objects"):
        read_npz(tmp_path / "a.npz")


def test_a_file_that_inflates_to_gigabytes_is_refused_at_once(tmp_path):
    block = bytes(1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in Motion.__dataclass_fields__:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(header(shape=f"({100 << 17},)"))
                for _ in range(100):
                    member.write(block)
    assert os.path.getsize(tmp_path / "bomb.npz") < 3e6
    with pytest.raises(NikiError, match="too large: its fields take more than 700 MB"):
        Motion.load(tmp_path / "bomb.npz")


def test_an_hour_of_motion_at_sixty_frames_a_second_is_allowed():
    a_frame = sum(np.size(getattr(some_motion(2), n)) for n in ("poses", "trans", "confidence", "joints",
        "keypoints", "frames", "times")) / 2 * 8  # fmt: skip
    from niki.files import MOST_BYTES

    assert 3600 * 60 * a_frame < MOST_BYTES


@pytest.mark.parametrize(
    "data",
    [
        header(shape="(9999999999999999999999,)"),
        header(shape="(99999999,)"),
        header(shape="(1000000000, 0)"),
        header(shape="(3, 3)") + bytes(24),
        header() + bytes(16),
        header() + bytes(32),
        header(shape="(-3,)") + bytes(24),
        header(shape="[3]") + bytes(24),
        header("<U99999999", "()"),
        header("<f3") + bytes(9),
        header("V8") + bytes(24),
        header("<U1", "()") + b"\xff\xff\xff\xff",
        header("<U1", "()") + b"\x00\xd8\x00\x00",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f",
        b"\x93NUMPY\x09\x00\x02\x00{}",
        b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 0x76,
        b"",
    ],
)
def test_an_array_that_makes_no_sense_is_one_line(tmp_path, data):
    with pytest.raises(NikiError) as caught:
        read_npz(write_zip(tmp_path / "a.npz", {"a": data}))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.npz") in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packing_is_refused(tmp_path, method):
    write_zip(tmp_path / "a.npz", {"a": header() + bytes(24)}, method)
    with pytest.raises(NikiError, match="compressed in a way that cannot be read"):
        read_npz(tmp_path / "a.npz")


def test_an_encrypted_member_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.npz", {"a": header() + bytes(24)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(NikiError, match="encrypted"):
        read_npz(path)


def test_a_directory_that_lies_about_a_size_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.npz", {"a": header(shape="(50000000,)") + bytes(1000)})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", len(header(shape="(50000000,)")) + 400_000_000)
    path.write_bytes(data)
    with pytest.raises(NikiError, match="not as long as it says"):
        read_npz(path)


def test_a_changed_byte_is_noticed(tmp_path):
    some_motion().save(tmp_path / "m.npz")
    whole = (tmp_path / "m.npz").read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(len(data))] = rng.integers(256)
        (tmp_path / "m.npz").write_bytes(data)
        try:
            Motion.load(tmp_path / "m.npz")
        except NikiError as error:
            refused += "\n" not in str(error)
    assert refused > 200


def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    errors = []

    def read():
        for path in (tmp_path / "pipe.npz", tmp_path, "/dev/zero", tmp_path / "none", "a\0b"):
            with pytest.raises(NikiError) as caught:
                read_npz(path)
            errors.append(str(caught.value))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert [word for error in errors for word in ("pipe", "folder", "no file") if word in error]
    assert len(errors) == 5


def small_network(tmp_path, **changes):
    spec = NetworkSpec(first=((8, 1),), second=((8, 0),))
    means = {"mean_pose": np.zeros(144), "mean_swing": np.zeros(144), "mean_twist": np.zeros(46),
             "mean_joints": np.zeros((29, 3))}  # fmt: skip
    network = Network.initial(spec, means, np.random.default_rng(0))
    network.weights |= changes
    network.weights = {name: w for name, w in network.weights.items() if w is not None}
    network.save(tmp_path / "w.npz")
    return tmp_path / "w.npz"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("first.0.0.up.bias", np.full(8, np.nan), "first.0.0.up.bias has a value that is not finite"),
        ("first.0.0.up.bias", np.zeros(9), r"first.0.0.up.bias must have shape \(8,\), not \(9,\)"),
        ("second.0.second.weight", None, "lacks the weight second.0.second.weight"),
        ("mean_twist", np.zeros((23, 3)), "mean_twist must have shape"),
        ("first.0.1.norm.weight", np.zeros(8), "first.0.1.norm.weight"),
        ("error.last.bias", np.zeros(29), "lacks the weight error"),
    ],
)
def test_a_wrong_weight_is_named(tmp_path, name, value, message):
    Network.load(small_network(tmp_path))
    with pytest.raises(NikiError, match=message):
        Network.load(small_network(tmp_path, **{name: value}))


@pytest.mark.parametrize(
    "spec",
    [
        '{"first": [[8, 1]], "second": [[1e9, 1]]}', '{"first": [[-8, 1]]}', '{"first": 3}', '{"kind": "x"}',
        '{"first": []}', '{"deeper": 1}', "[]", '{"reference": 1}', "[" * 5000,
    ],
)  # fmt: skip
def test_a_spec_that_makes_no_sense_is_refused(tmp_path, spec):
    path = small_network(tmp_path)
    arrays = read_npz(path)
    arrays["about"] = np.array(f'{{"spec": {spec}}}')
    np.savez(path, **arrays)
    with pytest.raises(NikiError):
        Network.load(path)


@pytest.mark.parametrize(
    ("load", "name"), [(Network.load, "niki-open-2"), (TemporalNetwork.load, "temporal-1")]
)
def test_the_weights_that_ship_are_whole(load, name):
    network = load(ROOT / f"niki/network/weights/{name}.npz")
    with np.load(ROOT / f"niki/network/weights/{name}.npz") as stored:
        for name, value in network.weights.items():
            np.testing.assert_array_equal(value, stored[name].astype(np.float32))
