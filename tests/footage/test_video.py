from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from footage_samples import coloured_frames, number_of

from niki.errors import NikiError
from niki.footage.video import Footage, VideoWriter


def write(path, frames, codec="libx264", rate=24, times=None, pix_fmt="yuv420p"):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], pix_fmt
        tick = Fraction(1, 1000 if times else rate)
        stream.codec_context.time_base = tick
        for n, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = round((times[n] if times else n / rate) / tick)
            frame.time_base = tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [("mp4", "libx264", "yuv420p"), ("mov", "libx264", "yuv420p"), ("avi", "mpeg4", "yuv420p"),
     ("webm", "libvpx-vp9", "yuv420p"), ("gif", "gif", "rgb8")],
)  # fmt: skip
def test_every_container_gives_all_frames_in_order(tmp_path, suffix, codec, pix_fmt):
    write(tmp_path / f"clip.{suffix}", coloured_frames(9), codec, rate=10, pix_fmt=pix_fmt)
    footage = Footage(tmp_path / f"clip.{suffix}")
    frames = list(footage)
    assert footage.size == (64, 48)
    assert footage.rate == pytest.approx(10, rel=0.01)
    assert [f.number for f in frames] == list(range(9))
    assert [number_of(f.rgb) for f in frames] == list(range(9))
    np.testing.assert_allclose([f.time for f in frames], np.arange(9) / 10, atol=0.011)
    assert footage.warnings == []


def test_time_stamps_of_a_variable_rate_are_kept(tmp_path):
    times = [0, 0.04, 0.08, 0.30, 0.34, 0.90]
    write(tmp_path / "clip.mp4", coloured_frames(6), times=times)
    np.testing.assert_allclose([f.time for f in Footage(tmp_path / "clip.mp4")], times, atol=0.002)


def test_frame_range_is_counted_from_zero_and_includes_its_end(tmp_path):
    write(tmp_path / "clip.mp4", coloured_frames(9))
    footage = Footage(tmp_path / "clip.mp4", start=2, end=5)
    frames = list(footage)
    assert [f.number for f in frames] == [number_of(f.rgb) for f in frames] == [2, 3, 4, 5]
    assert footage.expected == 4
    assert len(list(Footage(tmp_path / "clip.mp4", start=7, end=99))) == 2
    first_alone = Footage(tmp_path / "clip.mp4", end=0)
    assert len(list(first_alone)) == first_alone.expected == 1
    assert first_alone.warnings == []


def test_odd_sizes_are_written_and_read(tmp_path):
    with VideoWriter(tmp_path / "odd.mp4", 24, (33, 21)) as writer:
        for rgb in coloured_frames(3, (33, 21)):
            writer.write(rgb)
    write(tmp_path / "odd.gif", coloured_frames(3, (33, 21)), "gif", pix_fmt="rgb8")
    assert [number_of(f.rgb) for f in Footage(tmp_path / "odd.mp4")] == [0, 1, 2]
    assert Footage(tmp_path / "odd.gif").size == (33, 21)


def test_rotation_tag_is_applied(tmp_path):
    upright = np.zeros((32, 64, 3), np.uint8)
    upright[:, :32] = 255  # the left half is white
    write(tmp_path / "plain.mp4", [upright] * 3)
    with av.open(str(tmp_path / "plain.mp4")) as source, av.open(str(tmp_path / "turned.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = bytearray((tmp_path / "turned.mp4").read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the 3x3 matrix of the track header, version 0
    one = 1 << 16
    quarter_turn = np.array([0, one, 0, -one, 0, 0, 0, 0, 1 << 30], ">i4").tobytes()  # 90 degrees clockwise
    data[at : at + 36] = quarter_turn
    (tmp_path / "turned.mp4").write_bytes(data)
    footage = Footage(tmp_path / "turned.mp4")
    assert footage.size == (32, 64)
    rgb = next(iter(footage)).rgb
    assert rgb[:28].mean() > 240  # left has become top
    assert rgb[36:].mean() < 15


def test_image_sequences_by_folder_and_by_one_image(tmp_path):
    for n, rgb in enumerate(coloured_frames(12)):
        cv2.imwrite(str(tmp_path / f"shot_{n + 1}.png"), rgb)
    for path in (tmp_path, tmp_path / "shot_4.png"):
        footage = Footage(path, start=1, rate=12.5)
        assert footage.file == tmp_path / "shot_1.png"
        frames = list(footage)
        assert [number_of(f.rgb) for f in frames] == list(range(1, 12))  # 10 after 9, not after 1
        assert frames[-1].time == pytest.approx(11 / 12.5)


def test_a_cut_file_gives_what_can_be_decoded_and_says_so(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(40)]
    with av.open(str(tmp_path / "whole.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=24, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * 0.6)])
    footage = Footage(tmp_path / "cut.mp4")
    count = len(list(footage))
    assert 15 < count < 30
    assert f"{count} of 40 frames" in footage.warnings[0]


def bad(tmp_path, kind):
    if kind == "missing":
        return tmp_path / "none.mp4", {}
    if kind == "text":
        (tmp_path / "text.mp4").write_text("this is not a film\n" * 50)
        return tmp_path / "text.mp4", {}
    if kind == "empty":
        (tmp_path / "empty.mp4").write_bytes(b"")
        return tmp_path / "empty.mp4", {}
    if kind == "no images":
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder/readme.txt").write_text("x")
        return tmp_path / "folder", {}
    write(tmp_path / "clip.mp4", coloured_frames(5))
    return tmp_path / "clip.mp4", {"start": 5} if kind == "beyond" else {"start": 3, "end": 2}


@pytest.mark.parametrize(
    ("kind", "message"),
    [("missing", "no footage at"), ("text", "cannot be read as footage"), ("empty", "cannot be read"),
     ("no images", "holds no images"), ("beyond", "last frame is 4"), ("backwards", "empty")],
)  # fmt: skip
def test_bad_footage_is_refused_with_a_reason(tmp_path, kind, message):
    path, arguments = bad(tmp_path, kind)
    with pytest.raises(NikiError, match=message):
        list(Footage(path, **arguments))
