"""Everything that Blender holds, as plain values that can be compared: the open file, the window manager and the
preferences.

    before = snapshot()
    ...
    changes = compare(before, snapshot())

It goes through all that RNA tells of, so that it also sees what nobody thought of. What is left out is listed
below, each for a reason. A path reads as one would type it, with an item's name, or what else tells it from its
neighbours, in brackets: ``actions["Walk"].fcurves[pose.bones["Head"].location 0].keyframe_points[12]``.
"""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections import deque
from dataclasses import dataclass

import bpy
import numpy as np

LEFT_OUT = {
    # Bookkeeping of the running Blender, not of the file.
    "ID": "original session_uid is_evaluated tag preview is_missing runtime_data library_weak_reference",
    "Window": "modal_operators x y width height",
    "WindowManager": "operators clipboard keyconfigs is_interface_locked is_event_handling_break",
    "ParticleEdit": "object",
    "Preferences": "themes studio_lights autoexec_paths is_dirty",
    "Screen": "is_animation_playing is_scrubbing is_temporary",
    "Area": "x y width height regions",
    # What Blender works out from things that are compared themselves.
    "Object": "matrix_world matrix_local matrix_basis dimensions bound_box is_from_instancer is_from_set",
    "PoseBone": "matrix matrix_basis matrix_channel head tail length",
    "Constraint": "error_location error_rotation is_valid",
    "DriverVariable": "is_name_valid",
    "Scene": "objects depsgraph is_nla_tweakmode frame_current_final",
    "ViewLayer": "depsgraph objects",  # who is active, selected and hidden is compared
    "Collection": "all_objects collection_objects collection_children",
    "LayerCollection": "is_visible",
    "Depsgraph": "*",
    "Mesh": "vertices edges loops polygons loop_triangles loop_triangle_polygons vertex_normals polygon_normals "
    "corner_normals attributes color_attributes uv_layers vertex_colors skin_vertices uv_layer_clone uv_layer_stencil "
    "edge_creases vertex_creases vertex_paint_masks",  # all attributes and weights are compared, by their hashes
    "Image": "pixels has_data is_dirty bindcode type",
    "MovieClip": "fps",  # of the decoder, which opens the file when it is first asked
    # What crashes Blender when it is read (4.2 to 4.5) where there is nothing to be seen.
    "UvSculpt": "*",
    "Action": "frame_range curve_frame_range"
    + (" fcurves groups id_root" * hasattr(bpy.types, "ActionSlot")),
    "AnimData": "action_suitable_slots",
    "NlaStrip": "action_suitable_slots",
    "FCurve": "is_empty is_valid",
    "ActionFCurves": "*",
}
"""What is not compared, by the RNA type that has it (and those made from it)."""

SPACES = (
    "SpaceView3D",
    "SpaceClipEditor",
    "SpaceSequenceEditor",
    "SpaceDopeSheetEditor",
    "SpaceGraphEditor",
    "SpaceNLA",
)
"""The editors that are looked into. Some of the others crash Blender where there is no window to show them."""

ABSENT = "nothing"
_FEW = 200  # items of a collection that are compared one by one


@dataclass(frozen=True)
class Change:
    """One difference. A data-block that came or went is one change, whatever it holds."""

    path: str
    before: object
    after: object

    @property
    def made(self) -> bool:
        """Whether it is something new."""
        return self.before == ABSENT

    @property
    def removed(self) -> bool:
        """Whether it is gone."""
        return self.after == ABSENT

    def __str__(self):
        return f"{self.path}: {_short(self.before)} -> {_short(self.after)}"


@dataclass(frozen=True)
class Data:
    """What stands for a whole data-block or a part of one, where it is new or gone."""

    kind: str

    def __repr__(self):
        return self.kind


class Order(tuple):
    """Of a collection's items. What came or went is told by the items themselves."""

    def __eq__(self, other):
        if not isinstance(other, Order):
            return NotImplemented
        return [x for x in self if x in other] == [x for x in other if x in self]

    __hash__ = tuple.__hash__


def snapshot() -> dict[str, dict[str, object]]:
    """Each data-block's values by their paths inside it, by the data-block's own path."""
    for scene in bpy.data.scenes:
        for layer in scene.view_layers:
            layer.update()
    taken = {}
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # what goes is compared, too
        for prop in bpy.data.bl_rna.properties:
            if prop.type == "COLLECTION":
                for block in getattr(bpy.data, prop.identifier):
                    taken[name_of(block)] = _Walk(block).values
        taken["preferences"] = _Walk(bpy.context.preferences).values
    return taken


def compare(before: dict, after: dict, tolerance: float = 0.0) -> list[Change]:
    """What differs, in the order of the paths.

    Args:
        tolerance: by how much numbers may differ. 0: not at all.
    """
    changes = []
    for block in sorted(before.keys() | after.keys()):
        was, now = before.get(block), after.get(block)
        if was is None or now is None:
            kind = Data(block.partition("[")[0])
            changes.append(Change(block, ABSENT if was is None else kind, ABSENT if now is None else kind))
            continue
        part = None  # that is new or gone, and is told of once
        for path in sorted(was.keys() | now.keys()):
            if part is not None and path.startswith(part):
                continue
            a, b = was.get(path, ABSENT), now.get(path, ABSENT)
            part = path if ABSENT in (a, b) and (isinstance(a, Data) or isinstance(b, Data)) else None
            if isinstance(a, dict) and isinstance(b, dict):
                pairs = [
                    (f"{path}.{k}", a.get(k, ABSENT), b.get(k, ABSENT)) for k in sorted(a.keys() | b.keys())
                ]
            else:
                pairs = [(path, a, b)]
            changes += [
                Change(f"{block}{'' if p.startswith('[') else '.'}{p}", x, y)
                for p, x, y in pairs
                if not _same(x, y, tolerance)
            ]
    return changes


def unexpected(changes: list[Change], allowed: list[str]) -> list[Change]:
    """The changes whose paths match none of the patterns ``allowed``. A pattern is a regular expression for the
    whole path; with "+" before it, it allows new things alone."""
    patterns = [(p.startswith("+"), re.compile(p.removeprefix("+"))) for p in allowed]
    return [
        change
        for change in changes
        if not any(pattern.fullmatch(change.path) and (change.made or not new) for new, pattern in patterns)
    ]


def report(changes: list[Change], most: int = 40) -> str:
    """The changes, one on a line, alike ones together."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(re.sub(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]", "[]", change.path), []).append(
            change
        )
    lines = []
    for alike in groups.values():
        lines += [f"  {change}" for change in alike[:3]]
        if len(alike) > 3:
            lines.append(f"    ... and {len(alike) - 3} more like these")
    cut = [f"  ... {len(lines) - most} more lines"] if len(lines) > most else []
    return "\n".join([*lines[:most], *cut])


def name_of(block: bpy.types.ID | None) -> str:
    """A data-block as one would type it."""
    if block is None:
        return "None"
    library = f", {block.library.name}" if block.library else ""
    return f'{_KINDS.get(block.id_type, block.id_type.lower())}["{block.name}"{library}]'


_KINDS = {
    prop.fixed_type.identifier.upper(): prop.identifier
    for prop in bpy.types.BlendData.bl_rna.properties
    if prop.type == "COLLECTION"
} | {"GREASEPENCIL": "grease_pencils", "KEY": "shape_keys", "WINDOWMANAGER": "window_managers", "META": "metaballs",
     "LIGHT_PROBE": "lightprobes", "NODETREE": "node_groups", "FONT": "fonts", "PARTICLE": "particles",
     "LINESTYLE": "linestyles", "PAINTCURVE": "paint_curves"}  # fmt: skip


class _Walk:
    """All values that belong to one data-block, nearest first, so that each thing has its shortest path."""

    def __init__(self, root: bpy.types.bpy_struct):
        self.values: dict[str, object] = {}
        self._root = root
        self._seen = {_identity(root): ""}
        self._next, self._later = deque([("", root)]), []
        while self._next:
            self._visit(*self._next.popleft())
            if not self._next:  # what is active has a better path by now
                later, self._later = self._later, []
                for path, value in later:
                    self._pointer(path, value)

    def _visit(self, path: str, struct: bpy.types.bpy_struct):
        prefix = f"{path}." if path else ""
        left_out = _left_out(struct.bl_rna)
        for prop in struct.bl_rna.properties:
            name = prop.identifier
            if name in left_out or "*" in left_out:
                continue
            try:
                value = getattr(struct, name)
            except Exception:  # some cannot be read in every state, and none of that is ours
                continue
            if prop.type == "POINTER" and name.startswith("active"):
                self._later.append((prefix + name, value))
            elif prop.type == "POINTER":
                self._pointer(prefix + name, value)
            elif prop.type == "COLLECTION":
                self._collection(prefix + name, value, prop)
            else:
                self.values[prefix + name] = _plain(value)
        self._custom_properties(path, struct)
        if isinstance(struct, bpy.types.Mesh):
            self.values |= {prefix + name: value for name, value in _mesh(struct).items()}
        if isinstance(struct, bpy.types.ViewLayer):
            for word, asked in (("selected", "select_get"), ("hidden", "hide_get")):
                names = [o.name for o in struct.objects if getattr(o, asked)(view_layer=struct)]
                self.values[prefix + word] = tuple(sorted(names))
            self.values[prefix + "active"] = name_of(struct.objects.active)

    def _pointer(self, path: str, value):
        if value is None:
            self.values[path] = None
        elif isinstance(value, bpy.types.Space) and value.bl_rna.identifier not in SPACES:
            self.values[path] = value.type
        elif isinstance(value, bpy.types.ID) and not value.is_embedded_data:
            self.values[path] = name_of(value)
        elif isinstance(value, bpy.types.ID) and value == self._root:
            self.values[path] = "itself"
        elif (owner := self._other_owner(value)) is not None:
            self.values[path] = f"-> {name_of(owner)}.{_key_of(value)}"
        elif (known := self._seen.get(_identity(value))) is not None:
            self.values[path] = f"-> {known}"
        else:
            self._seen[_identity(value)] = path
            self._next.append((path, value))
            if path.endswith("]"):
                self.values[path] = Data(value.bl_rna.identifier)

    def _other_owner(self, value) -> bpy.types.ID | None:
        """The data-block that something belongs to, if that is another one."""
        owner = value.id_data
        if not isinstance(owner, bpy.types.ID) or owner == self._root or owner.is_embedded_data:
            return None
        return owner

    def _collection(self, path: str, items, prop):
        if prop.srna is not None:
            self._extras(path, items, prop.srna)
        if path.endswith("keyframe_points"):
            self.values.update(_keys(path, items))
            return
        try:
            count = len(items)
        except TypeError:
            return
        if count > _FEW and not isinstance(items[0], bpy.types.ID):
            self.values[path] = _digest(items)
            return
        keys = _keys_of(items)
        if not _is_id(prop.fixed_type):
            self.values[path] = Order(keys)  # it counts: modifiers, constraints, strips
        for key, item in zip(keys, items, strict=True):
            self._pointer(f"{path}[{key}]", item)

    def _extras(self, path: str, items, srna):
        """What a collection has besides its items: which is active, and the like."""
        left_out = _left_out(srna)
        for prop in srna.properties:
            if prop.identifier in ("rna_type", "selected") or "*" in left_out or prop.type == "COLLECTION":
                continue
            try:
                value = getattr(items, prop.identifier)
            except Exception:
                continue
            if prop.type == "POINTER":
                self._late(f"{path}.{prop.identifier}", value)
            else:
                self.values[f"{path}.{prop.identifier}"] = _plain(value)

    def _late(self, path: str, value):
        """A pointer to one of a collection's items, which are walked from the collection."""
        if value is None or isinstance(value, bpy.types.ID):
            self._pointer(path, value)
        else:
            self.values[path] = f"-> {_key_of(value) or type(value).__name__}"

    def _custom_properties(self, path: str, struct):
        try:
            names = list(struct.keys())
        except (TypeError, AttributeError):
            return
        for name in names:
            if name in struct.bl_rna.properties or name == "cycles":
                continue
            value = struct[name]
            self.values[f'{path}["{name}"]'] = _plain(value)
            try:
                about = struct.id_properties_ui(name).as_dict()
            except TypeError:
                continue
            self.values[f'{path}["{name}"].ui'] = tuple(sorted((k, _plain(v)) for k, v in about.items()))


def _left_out(rna) -> set[str]:
    names = {"rna_type"}
    while rna is not None:
        names |= set(LEFT_OUT.get(rna.identifier, "").split())
        rna = rna.base
    return names


def _is_id(rna) -> bool:
    """Whether a collection's items are data-blocks, which have no order."""
    while rna is not None and rna.identifier != "ID":
        rna = rna.base
    return rna is not None


def _identity(struct):
    return struct.as_pointer(), struct.bl_rna.identifier


def _key_of(item) -> str:
    """What tells an item from its neighbours; "" where nothing does."""
    kind = item.bl_rna.identifier
    if kind == "FCurve":
        return f"{item.data_path} {item.array_index}"
    if kind == "ActionChannelbag":
        return item.slot.identifier if item.slot else ""
    if kind == "ActionSlot":
        return item.identifier
    if isinstance(item, bpy.types.ID):
        return f'"{item.name}"' + (f", {item.library.name}" if item.library else "")
    prop = item.bl_rna.name_property
    return getattr(item, prop.identifier) if prop is not None else ""


def _keys_of(items) -> list[str]:
    keys, count = [], {}
    for i, item in enumerate(items):
        key = str(i) if item is None else _key_of(item) or str(i)
        count[key] = count.get(key, 0) + 1
        keys.append(key if count[key] == 1 else f"{key}~{count[key]}")
    return keys


def _keys(path: str, points) -> dict[str, dict]:
    """A curve's keyframes, each with all it has, by frame."""
    columns = {}
    for prop in bpy.types.Keyframe.bl_rna.properties:
        if prop.identifier in ("rna_type", "co_ui"):
            continue
        width = prop.array_length if getattr(prop, "is_array", False) else 1
        kind = np.float32 if prop.type == "FLOAT" else np.int32 if prop.type != "BOOLEAN" else bool
        values = np.empty(len(points) * width, kind)
        points.foreach_get(prop.identifier, values)
        columns[prop.identifier] = (values.reshape(-1, width) if width > 1 else values).tolist()
    found, count = {}, {}
    for i in range(len(points)):
        frame = f"{columns['co'][i][0]:g}"
        count[frame] = count.get(frame, 0) + 1
        at = frame if count[frame] == 1 else f"{frame}~{count[frame]}"
        found[f"{path}[{at}]"] = {
            name: tuple(v[i]) if isinstance(v[i], list) else v[i] for name, v in columns.items()
        }
    return found


def _digest(items) -> str:
    """Many like items: their number and a hash of all their plain values."""
    digest = hashlib.sha1()
    count = len(items)
    if count:
        for prop in items[0].bl_rna.properties:
            if prop.type not in ("FLOAT", "INT", "BOOLEAN") or prop.identifier in ("normal", "undeformed_co"):
                continue
            width = prop.array_length if prop.is_array and prop.array_length else 1
            kind = {"FLOAT": np.float32, "INT": np.int32, "BOOLEAN": bool}[prop.type]
            values = np.empty(count * width, kind)
            try:
                items.foreach_get(prop.identifier, values)
            except (TypeError, RuntimeError, AttributeError):
                continue
            digest.update(prop.identifier.encode() + values.tobytes())
    return f"{count} items {digest.hexdigest()[:12]}"


def _mesh(mesh: bpy.types.Mesh) -> dict[str, object]:
    """Hashes of a mesh's attributes and vertex groups. (Attributes must not be held while others are read.)"""
    found = {}
    for name in mesh.attributes.keys():  # noqa: SIM118
        attribute = mesh.attributes[name]
        found[f'attributes["{name}"]'] = f"{attribute.data_type} {attribute.domain} {_digest(attribute.data)}"
    starts = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    found["polygons"] = f"{len(starts)} {hashlib.sha1(starts.tobytes()).hexdigest()[:12]}"
    weights = hashlib.sha1()
    for vertex in mesh.vertices:
        for group in vertex.groups:
            weights.update(b"%d %d %.6f;" % (vertex.index, group.group, group.weight))
    found["weights"] = weights.hexdigest()[:12]
    return found


def _plain(value):
    """Numbers, texts and tuples of them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return value
    if isinstance(value, bpy.types.ID):
        return name_of(value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(value))
    if hasattr(value, "to_dict"):  # a group of custom properties
        value = value.to_dict()
    if isinstance(value, dict):
        return tuple(sorted((k, _plain(v)) for k, v in value.items()))
    try:
        return tuple(_plain(v) for v in value)
    except TypeError:
        return repr(value)


def _same(a, b, tolerance: float) -> bool:
    if a == b or not tolerance:
        return a == b
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(_same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    return numbers and abs(a - b) <= tolerance * max(1.0, abs(a))


def _short(value) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) < 90 else text[:60] + " ... " + text[-20:]
