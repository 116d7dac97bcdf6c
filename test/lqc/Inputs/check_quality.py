"""check_quality.py EVAL INFO: the "quality" of an executable's info is what `lqc eval
--json` says of it, and the text's hash."""

import json
import pathlib
import sys

measured, info = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
quality = info["quality"]
text = quality.pop("text")
assert len(text) >= 32 and set(text) <= set("0123456789abcdef"), text
assert quality == measured, (quality, measured)
