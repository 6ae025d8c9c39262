"""The inner loops of the renderer, compiled by numba: skinning, normals, projection, a z-buffer.

All arrays are float32; V vertices, F triangles. Each function writes into its last arguments.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEAREST = 0.15
"""Metres before the camera; triangles that come nearer are left out."""
_LEAST_WEIGHT = 0.004


@njit(cache=True, fastmath=True)
def skin(rest, index, weight, matrices, placed):
    """Vertices (V, 3) moved by the weighted bones: index, weight (V, K); matrices (24, 3, 4)."""
    for v in range(rest.shape[0]):
        x, y, z = rest[v, 0], rest[v, 1], rest[v, 2]
        a = b = c = np.float32(0)
        for k in range(index.shape[1]):
            w = weight[v, k]
            if w > _LEAST_WEIGHT:
                m = matrices[index[v, k]]
                a += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
                b += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
                c += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        placed[v, 0], placed[v, 1], placed[v, 2] = a, b, c


@njit(cache=True, fastmath=True)
def vertex_normals(vertices, faces, normals):
    """Unit normals (V, 3), each the mean of its triangles by their areas."""
    normals[:] = 0
    for i in range(faces.shape[0]):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        wx, wy, wz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for k in (a, b, c):
            normals[k, 0] += x
            normals[k, 1] += y
            normals[k, 2] += z
    for i in range(normals.shape[0]):
        s = 1 / (np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + 1e-20)
        normals[i, 0] *= s
        normals[i, 1] *= s
        normals[i, 2] *= s


@njit(cache=True, fastmath=True)
def project(vertices, turn, place, focal, centre, pixels, depth):
    """World points (V, 3) -> pixels (V, 2) and depth (V,), of a camera with this turn (3, 3) and place."""
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0] - place[0], vertices[v, 1] - place[1], vertices[v, 2] - place[2]
        d = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
        s = focal / max(d, np.float32(1e-3))
        pixels[v, 0] = (turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z) * s + centre[0]
        pixels[v, 1] = (turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z) * s + centre[1]
        depth[v] = d


@njit(cache=True, fastmath=True)
def shade(normals, tone, ambient, sun, sun_colour, view, fill, light):
    """Light (V, 3) on each vertex: the sky's, the sun's, and some from the camera; tone (V,) darkens."""
    for v in range(normals.shape[0]):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        direct = max(x * sun[0] + y * sun[1] + z * sun[2], np.float32(0))
        head = max(-(x * view[0] + y * view[1] + z * view[2]), np.float32(0)) * fill
        sky = np.float32(0.75) + np.float32(0.25) * y
        for k in range(3):
            light[v, k] = tone[v] * (ambient[k] * sky + direct * sun_colour[k] + head)


@njit(cache=True, fastmath=True)
def drop_shadow(vertices, sun, dropped):
    """Vertices (V, 3) moved along the sun's rays onto the floor, y = 0."""
    for v in range(vertices.shape[0]):
        t = vertices[v, 1] / sun[1]
        dropped[v, 0], dropped[v, 1], dropped[v, 2] = (
            vertices[v, 0] - t * sun[0],
            0,
            vertices[v, 2] - t * sun[2],
        )


@njit(cache=True, fastmath=True)
def fill_triangles(pixels, depth, faces, mask):
    """Set ``mask`` (H, W) to 1 where there is a triangle."""
    height, width = mask.shape
    for i in range(faces.shape[0]):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        if depth[a] < NEAREST or depth[b] < NEAREST or depth[c] < NEAREST:
            continue
        ax, ay, bx, by, cx, cy = (
            pixels[a, 0],
            pixels[a, 1],
            pixels[b, 0],
            pixels[b, 1],
            pixels[c, 0],
            pixels[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= 0:  # the body is closed: one side of it is enough
            continue
        x0, x1 = max(0, np.ceil(min(ax, bx, cx))), min(width - 1, np.floor(max(ax, bx, cx)))
        y0, y1 = max(0, np.ceil(min(ay, by, cy))), min(height - 1, np.floor(max(ay, by, cy)))
        for y in range(int(y0), int(y1) + 1):
            for x in range(int(x0), int(x1) + 1):
                u = (x - ax) * (cy - ay) - (y - ay) * (cx - ax)
                w = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
                if u >= 0 and w >= 0 and u + w <= area:
                    mask[y, x] = 1


@njit(cache=True, fastmath=True)
def draw_triangles(pixels, depth, faces, colour, light, picture, nearest):
    """Draw the triangles that face the camera into ``picture`` (H, W, 3).

    colour (F, 3); light (V, 3); nearest (H, W): the depth of what has been drawn.
    """
    height, width = nearest.shape
    for i in range(faces.shape[0]):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        za, zb, zc = depth[a], depth[b], depth[c]
        if za < NEAREST or zb < NEAREST or zc < NEAREST:
            continue
        ax, ay, bx, by, cx, cy = (
            pixels[a, 0],
            pixels[a, 1],
            pixels[b, 0],
            pixels[b, 1],
            pixels[c, 0],
            pixels[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0:
            continue
        x0, x1 = max(0, np.ceil(min(ax, bx, cx))), min(width - 1, np.floor(max(ax, bx, cx)))
        y0, y1 = max(0, np.ceil(min(ay, by, cy))), min(height - 1, np.floor(max(ay, by, cy)))
        for y in range(int(y0), int(y1) + 1):
            for x in range(int(x0), int(x1) + 1):
                u = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                t = 1 - u - w
                if u < 0 or w < 0 or t < 0:
                    continue
                d = t * za + u * zb + w * zc
                if d < nearest[y, x]:
                    nearest[y, x] = d
                    for k in range(3):
                        picture[y, x, k] = colour[i, k] * (
                            t * light[a, k] + u * light[b, k] + w * light[c, k]
                        )
