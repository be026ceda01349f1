"""The golden checkpoint of docs/adding-a-family.md: makes what the page's row says, into
cmd/linearize/testdata, where the page's test takes it from.

    .cache/golden/bin/python tools/golden/adding_family.py

in the environment of make golden-families.
"""

import re

import torch

import checkpoint
import families
import prove
from witness import ROOT

PAGE = ROOT / "docs/adding-a-family.md"
ROW = re.compile(r'^```python title="tools/golden/families.py"[^\n]*\n(.*?)^```$', re.MULTILINE | re.DOTALL)

if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    checkpoint.FOLDER = ROOT / "cmd/linearize/testdata"
    for row in ROW.findall(PAGE.read_text()):
        for family in eval(f"[{row}]", vars(families)):  # the page is ours
            checkpoint.make(family, families.SIZES)
            prove.every_switch_bites(family)
