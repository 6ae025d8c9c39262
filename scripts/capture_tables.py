"""The tables that scripts/evaluate_capture prints: for each key of its results, a title and columns."""

_ERRORS = {
    "clip": "{}", "by": "{}", "MPJPE": "{:.0f}", "PA": "{:.0f}", "across": "{:.0f}", "along": "{:.0f}",
    "rotation": "{:.1f}", "exchanged": "{:.0f}", "trunk": "{:+.1f}", "legs": "{:+.1f}", "acceleration": "{:.1f}",
    "its error": "{:.1f}",
}  # fmt: skip
_CAMERAS = {
    "clip": "{}", "true tilt": "{:.1f}", "tilt": "{:.1f}", "true roll": "{:.1f}", "roll": "{:.1f}",
    "error of up": "{:.1f}", "stated": "{:.1f}",
}  # fmt: skip
_STANDING = {
    "clip": "{}", "by": "{}", "frames": "{:.0f}", "off vertical": "{:.1f}", "towards the camera": "{:+.1f}",
}  # fmt: skip
_GROUND = {
    "clip": "{}", "by": "{}", "slide": "{:.1f}", "float": "{:.1f}", "penetration": "{:.1f}", "camera height": "{:+.1f}",
    "floor": "{:.1f}", "path": "{:+.1f}", "pixels in the air": "{:.1f}", "pixels": "{:.1f}",
}  # fmt: skip
_CONTACTS = {
    "clip": "{}", "by": "{}", "contact": "{:.0%}", "slide": "{:.1f}", "float": "{:.1f}", "penetration": "{:.1f}",
    "within 1 cm": "{:.0%}", "wrists": "{:.0f}", "pixels in the air": "{:.1f}", "pixels": "{:.1f}",
}  # fmt: skip
_JOINTS = {"joint": "{}", "across": "{:.0f}", "along": "{:.0f}"}


def print_tables(results: dict[str, list[dict]]) -> None:
    """Print what there is of the tables, as Markdown."""
    _table(
        "Against the truth: mm; degrees of rotation; exchanged frames; lean of trunk and legs towards the camera,"
        " degrees more than in truth; mean acceleration and its error, m/s^2",
        results["errors"],
        _ERRORS,
    )
    _table(
        "While feet truly stand: slide, mm per frame (treadmill: of ankles), float and penetration of the lowest point, mm;"
        " errors of the camera's height and of the floor under the true feet, cm; length of the path, % off; pixels off the"
        " readings before feet were put on the floor, and after",
        results["ground"],
        _GROUND,
    )
    _table("How the camera is held, degrees", results["cameras"], _CAMERAS)
    for row in results["errors"]:
        if "hidden joints" in row:
            print(
                f"\n{row['clip']}, {row['by']}: hidden joints {row['hidden joints']:.0f} mm, confidence there"
                f" {row['confidence there']:.2f}, elsewhere {row['confidence elsewhere']:.2f}"
            )
    _table("From ankles to neck, degrees, median over frames that stand", results["standing"], _STANDING)
    _table(
        "While feet are found to stand: share of frames, slide, mm per frame, float and penetration of the lowest point, mm,"
        " frames in which it is within 1 cm of the floor; second difference of wrists, 95th percentile, mm per frame^2; pixels"
        " off the readings before feet were put on the floor, and after",
        results["contacts"],
        _CONTACTS,
    )
    _table(
        "The estimate's errors by joint on the treadmill, root mean square, mm, across per axis",
        results["joints"],
        _JOINTS,
    )


def _table(title: str, rows: list[dict], columns: dict[str, str]) -> None:
    if not rows:
        return
    print(f"\n{title}\n")
    filled = [list(columns), ["---"] * len(columns)] + [
        ["" if row.get(key) is None or row[key] != row[key] else form.format(row[key]) for key, form in columns.items()]
        for row in rows
    ]  # fmt: skip
    widths = [max(len(row[k]) for row in filled) for k in range(len(columns))]
    for row in filled:
        cells = (
            c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        print("| " + " | ".join(cells) + " |")
