import os
import struct
import zlib
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from footage_samples import coloured_frames, number_of

from niki.capturing.footage.camera import Camera
from niki.capturing.footage.numbering import Numbering
from niki.capturing.footage.video import Footage, VideoWriter
from niki.errors import NikiError


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


NOISE = np.random.default_rng(5).integers(0, 255, (96, 1), np.uint8)


def striped_frames(count):
    """Frames that are hard to code and tell their number, even decoded from damaged neighbours: a white
    bar of 2 (n + 1) columns."""
    frames = []
    for n in range(count):
        rgb = np.zeros((96, 160, 3), np.uint8)
        rgb[48:, : 2 * (n + 1)] = 255
        rgb[:48] = np.roll(NOISE[:48], 7 * n, axis=0)[..., None]
        frames.append(rgb)
    return frames


def number_of_striped(rgb):
    return round(float((rgb[56:, :, 1] > 128).mean()) * 160 / 2) - 1


def write_striped(path, codec="libx264", count=60, **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24, options={"g": "12", **options})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for rgb in striped_frames(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())


def spoil(path, chosen):
    """Flip bytes within some packets of a film."""
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for n in chosen:
        start, size = packets[n]
        for at in range(start + 6, start + size):
            data[at] ^= 0xA5
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("suffix", "codec", "lost"),
    [("mp4", "libx264", range(1, 4)), ("mkv", "libx264", range(1, 4)), ("webm", "libvpx-vp9", range(1, 4)),
     ("mp4", "libx265", range(3, 40))],
)  # fmt: skip
def test_after_damaged_packets_frames_go_on_under_their_own_numbers(tmp_path, suffix, codec, lost):
    path = tmp_path / f"clip.{suffix}"
    write_striped(path, codec)
    spoil(path, (13, 26, 41))
    footage = Footage(path)
    frames = list(footage)
    assert [f.number for f in frames] == list(range(60))
    np.testing.assert_allclose([f.time for f in frames], np.arange(60) / 24, atol=0.002)
    missing = [f.number for f in frames if f.rgb is None]
    assert len(missing) in lost
    if codec != "libvpx-vp9":  # it shows damaged neighbours as best it can
        assert all(abs(number_of_striped(f.rgb) - f.number) <= 1 for f in frames if f.rgb is not None)
    assert f"{len(missing)} of 60 frames could not be decoded" in footage.warnings[0]
    assert str(missing[0]) in footage.warnings[0]
    again = Footage(path, start=20, end=50)
    assert [f.number for f in again] == list(range(20, 51))
    from_there_on = list(Footage(path).read(30))
    assert [f.rgb is None for f in from_there_on] == [f.rgb is None for f in frames[30:]]


def empty_sample(path, chosen):
    """Take the content of one sample out of an mp4 whose film is all there is in it."""
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data, (start, size) = bytearray(path.read_bytes()), packets[chosen]
    end = max(at + length for at, length in packets)
    data[start:end] = data[start + size : end] + bytes(size)
    sizes = data.index(b"stsz") + 16  # after the name: version and flags, size of all, count
    assert struct.unpack_from(">I", data, sizes + 4 * chosen) == (size,)
    struct.pack_into(">I", data, sizes + 4 * chosen, 0)
    chunks = data.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", data, chunks)
    for at in range(chunks + 4, chunks + 4 + 4 * count, 4):
        (offset,) = struct.unpack_from(">I", data, at)
        struct.pack_into(">I", data, at, offset - size if offset > start else offset)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [("mp4", "mpeg4", "yuv420p"), ("mov", "mjpeg", "yuvj420p"), ("mov", "qtrle", "rgb24")],
)
@pytest.mark.parametrize("chosen", [10, 12, 29])
def test_an_empty_packet_is_a_lost_frame_and_not_the_end(tmp_path, suffix, codec, pix_fmt, chosen):
    path = tmp_path / f"clip.{suffix}"
    write(path, striped_frames(30), codec, pix_fmt=pix_fmt)
    empty_sample(path, chosen)
    footage = Footage(path)
    frames = list(footage)
    assert [f.number for f in frames] == list(range(30))
    np.testing.assert_allclose([f.time for f in frames], np.arange(30) / 24, atol=0.002)
    assert [f.number for f in frames if f.rgb is None] == [chosen]
    assert all(abs(number_of_striped(f.rgb) - f.number) <= 1 for f in frames if f.rgb is not None)
    assert f"1 of 30 frames could not be decoded and are bridged ({chosen})" in footage.warnings[0]


def test_where_there_are_no_time_stamps_failures_are_counted():
    numbering = Numbering()
    numbering.packet(None)
    assert numbering.lost_before(None) == []
    numbering.failure()
    numbering.failure()
    assert numbering.lost_before(None) == [None, None]
    assert numbering.lost_before(None) == []


def test_frames_are_lost_only_where_time_is_missing_too():
    """Some codecs have packets that show nothing: between regular frames they are no loss."""
    numbering = Numbering()
    for stamp in range(0, 400, 40):
        numbering.packet(stamp)
        numbering.packet(stamp + 20)
        assert numbering.lost_before(stamp) == []
    numbering.packet(400)
    numbering.packet(440)
    assert numbering.lost_before(440) == [380]  # one frame's time is missing: one is lost
    numbering.packet(480)
    numbering.packet(500)
    assert len(numbering.lost_at_end()) == 1


def test_the_first_frames_may_be_damaged(tmp_path):
    write_striped(tmp_path / "clip.mp4")
    spoil(tmp_path / "clip.mp4", (0,))
    frames = list(Footage(tmp_path / "clip.mp4"))
    assert [f.number for f in frames] == list(range(60))
    seen = [f for f in frames if f.rgb is not None]
    assert len(seen) >= 48
    assert all(abs(number_of_striped(f.rgb) - f.number) <= 1 for f in seen if f.number >= 12)


def test_garbage_after_the_end_is_passed_over(tmp_path):
    path, rng = tmp_path / "clip.mp4", np.random.default_rng(3)
    write_striped(path)
    path.write_bytes(path.read_bytes() + rng.bytes(100_000))
    footage = Footage(path)
    assert [number_of_striped(f.rgb) for f in footage] == list(range(60))
    assert footage.warnings == []


def test_a_film_that_grows_is_read_to_where_it_ended(tmp_path):
    path = tmp_path / "clip.ts"
    write_striped(path)
    more = path.read_bytes()
    footage, count = Footage(path, rate=24), 0
    for _ in footage:
        count += 1
        with open(path, "ab") as stream:
            stream.write(more)
        assert count <= 60
    assert count == 60


def test_a_film_that_changes_its_resolution_is_scaled_to_its_first(tmp_path):
    for name, size in (("a", (64, 48)), ("b", (128, 96))):
        write(tmp_path / f"{name}.ts", coloured_frames(5, size), rate=25)
    (tmp_path / "c.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    frames = list(Footage(tmp_path / "c.ts", rate=25))
    assert len(frames) > 5
    assert {f.rgb.shape for f in frames if f.rgb is not None} == {(48, 64, 3)}


def png_header(width, height):
    """A PNG that promises a size and has next to nothing."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    about = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", about)
        + chunk(b"IDAT", zlib.compress(b"\0" * 999))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(100_000, 100_000), (20_000, 20_000), (2**31 - 1, 1)])
def test_an_image_of_absurd_size_is_refused(tmp_path, size):
    (tmp_path / "a1.png").write_bytes(png_header(*size))
    with pytest.raises(NikiError, match=r"a1\.png"):
        Footage(tmp_path)


@pytest.mark.parametrize(
    ("size", "message"),
    [((16_000, 12_000), "16000 x 12000: at most 134,217,728 pixels"), ((60_000, 60_000), "No frame"),
     ((2**31 - 1, 2**31 - 1), "No frame"), ((0, 0), "No frame")],
)  # fmt: skip
def test_a_film_that_promises_an_absurd_size_is_refused(tmp_path, size, message):
    write(tmp_path / "clip.avi", coloured_frames(4), "huffyuv", pix_fmt="yuv422p")
    data = bytearray((tmp_path / "clip.avi").read_bytes())
    at = data.index(b"strf") + 8 + 4  # BITMAPINFOHEADER's width and height
    data[at : at + 8] = struct.pack("<II", *size)
    (tmp_path / "clip.avi").write_bytes(data)
    with pytest.raises(NikiError, match=message):
        Footage(tmp_path / "clip.avi")


def test_a_film_that_promises_absurdly_many_frames_gives_those_it_has(tmp_path):
    write(tmp_path / "clip.avi", coloured_frames(4), "mpeg4")
    data = bytearray((tmp_path / "clip.avi").read_bytes())
    at = data.index(b"strh") + 8 + 32  # the stream's length
    data[at : at + 4] = struct.pack("<I", 2**31 - 1)
    (tmp_path / "clip.avi").write_bytes(data)
    footage = Footage(tmp_path / "clip.avi")
    assert len(list(footage)) == 4


@pytest.mark.parametrize(
    "rate",
    [
        float("inf"),
        float("nan"),
        0,
        -1,
        1e9,
        1e-9,
        "fast",
        [24, 25],
        np.ones(3),
        pytest.param(10**400, id="huge"),
    ],
)
def test_a_rate_that_no_footage_has_is_refused(tmp_path, rate):
    write(tmp_path / "clip.mp4", coloured_frames(3))
    with pytest.raises(NikiError, match="The frame rate must be"):
        Footage(tmp_path / "clip.mp4", rate=rate)


def test_a_file_with_an_absurd_rate_is_taken_at_the_usual_one_and_says_so(tmp_path):
    write(tmp_path / "clip.avi", coloured_frames(4), "mpeg4")
    data = bytearray((tmp_path / "clip.avi").read_bytes())
    at = data.index(b"strh") + 8 + 20  # scale and rate
    data[at : at + 8] = struct.pack("<II", 1, 900_000)
    (tmp_path / "clip.avi").write_bytes(data)
    footage = Footage(tmp_path / "clip.avi")
    assert footage.rate == 24
    assert "900000 frames per second" in footage.warnings[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"start": -1},
        {"start": 10**30},
        pytest.param({"end": 10**5000}, id="huge"),
        {"start": 1.5},
        {"end": "last"},
        {"end": -4},
    ],
)
def test_frame_numbers_out_of_bounds_are_refused(tmp_path, arguments):
    write(tmp_path / "clip.mp4", coloured_frames(3))
    with pytest.raises(NikiError, match="frame must be"):
        Footage(tmp_path / "clip.mp4", **arguments)


@pytest.mark.parametrize("focal", [0, -5, float("inf"), float("nan"), "long", [900, 900], 1e-300])
def test_a_focal_length_that_no_lens_has_is_refused(focal):
    with pytest.raises(NikiError, match="The focal length must be"):
        Camera.of((640, 480), focal)


def sequence(folder, numbers, name="f{:03d}.png", size=(64, 48)):
    for k, number in enumerate(numbers):
        cv2.imwrite(str(folder / name.format(number)), coloured_frames(len(numbers), size)[k])


def test_a_gap_in_an_image_sequence_keeps_the_numbers_after_it(tmp_path):
    sequence(tmp_path, (7, 8, 9, 11, 15))
    footage = Footage(tmp_path, rate=10)
    frames = list(footage)
    assert [f.number for f in frames] == list(range(9))
    assert [None if f.rgb is None else number_of(f.rgb) for f in frames] == [
        0,
        1,
        2,
        None,
        3,
        None,
        None,
        None,
        4,
    ]
    assert frames[8].time == pytest.approx(0.8)
    assert footage.expected == 9
    assert footage.warnings == ["f#.png lacks 10, 12-14: frames 3, 5-7 are bridged"]
    part = Footage(tmp_path, start=4, end=6)
    assert [f.number for f in part] == [4, 5, 6]
    assert part.warnings == ["f#.png lacks 12-13: frames 5-6 are bridged"]
    assert [f.number for f in Footage(tmp_path).read(5)] == [5, 6, 7, 8]
    with pytest.raises(NikiError, match="last frame is 8"):
        Footage(tmp_path, start=9)


def test_numbers_too_far_apart_are_no_sequence_unless_the_range_avoids_them(tmp_path):
    sequence(tmp_path, (1, 2, 3, 20240101))
    with pytest.raises(NikiError, match=r"20240097 images of f#.png are missing from number 4 to 20240100"):
        Footage(tmp_path)
    assert len(list(Footage(tmp_path, end=2))) == 3


def test_two_images_of_one_number_are_refused(tmp_path):
    sequence(tmp_path, (1, 2))
    sequence(tmp_path, (1,), "f{}.png")
    with pytest.raises(NikiError, match=r"f001\.png and f1\.png have the same number"):
        Footage(tmp_path)


def test_several_sequences_in_a_folder_are_not_mixed(tmp_path):
    sequence(tmp_path, (1, 2, 3))
    sequence(tmp_path, (1, 2), "g{}.png")
    sequence(tmp_path, (5,), "f{}.jpg")
    with pytest.raises(NikiError, match="several image sequences"):
        Footage(tmp_path)
    assert len(list(Footage(tmp_path / "g2.png"))) == 2
    assert len(list(Footage(tmp_path / "f5.jpg"))) == 1


def test_what_is_no_image_of_the_sequence_is_left_out(tmp_path):
    sequence(tmp_path, (1, 2, 3), "f{}_left.png")
    sequence(tmp_path, (1,), "cover.png")
    (tmp_path / "._f2_left.png").write_bytes(b"what macOS leaves on foreign disks")
    (tmp_path / "f9_left.png").mkdir()
    (tmp_path / "f8_left.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "f7_left.png")
    footage = Footage(tmp_path)
    assert [f.number for f in footage] == [0, 1, 2]
    assert footage.warnings == ["cover.png: left out: no number in the name"]


def test_an_image_that_is_damaged_or_vanishes_is_a_gap(tmp_path):
    sequence(tmp_path, range(5))
    footage = Footage(tmp_path)
    (tmp_path / "f002.png").write_bytes(b"")
    (tmp_path / "f003.png").unlink()
    assert [f.rgb is None for f in footage] == [False, False, True, True, False]
    assert "2 of 5 frames could not be decoded and are bridged (2-3)" in footage.warnings[-1]
    sequence(tmp_path, (4,), size=(32, 32))
    with pytest.raises(NikiError, match=r"f004\.png differs in size"):
        list(Footage(tmp_path))


def test_openexr_images_are_refused_in_words(tmp_path):
    (tmp_path / "a1.exr").write_bytes(struct.pack("<II", 20000630, 2) + b"0" * 99)
    with pytest.raises(NikiError, match=r"a1\.exr"):
        Footage(tmp_path)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/stdin"])
def test_a_device_is_no_footage(path):
    with pytest.raises(NikiError, match=r"device or a pipe|no footage"):
        Footage(path)


@pytest.mark.parametrize("name", ["pipe.mp4", "pipe1.png"])
def test_a_pipe_is_no_footage(tmp_path, name):
    os.mkfifo(tmp_path / name)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(NikiError):
            Footage(path)


def test_a_list_of_films_is_no_film(tmp_path):
    write(tmp_path / "a.ts", coloured_frames(5), rate=25)
    (tmp_path / "live.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n"
    )  # no end: reloaded for ever
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile a.ts\n")
    (tmp_path / "notes.txt").write_text("not a film\n" * 99)
    for name in ("live.m3u8", "list.ffconcat", "notes.txt"):
        with pytest.raises(NikiError, match=name):
            Footage(tmp_path / name)


def test_a_film_that_cannot_be_written_says_so(tmp_path):
    for size in ((64, 48), (0, 0), (10**5, 10**5)):
        with pytest.raises((NikiError, OSError)), VideoWriter("/dev/full", 24, size) as writer:
            for rgb in coloured_frames(5, (64, 48)):
                writer.write(rgb)


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
