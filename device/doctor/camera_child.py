"""Lists the cameras as JSON; started as a process of its own, since libcamera may crash or hang."""

from __future__ import annotations

import json


def main() -> None:
    """Prints what V4L2 and libcamera have."""
    from ..cameras.libcamera import survey
    from ..cameras.v4l2_nodes import nodes

    found = nodes()
    seen = survey(found)
    print(
        json.dumps(
            {
                "v4l2": [
                    {"path": str(node.path), "name": node.name, "driver": node.driver, "refusal": node.refusal}
                    for node in found
                ],
                "libcamera": [{"spec": camera.spec, "name": camera.name} for camera in seen.cameras],
                "hint": seen.hint,
            }
        )
    )


if __name__ == "__main__":
    main()
