"""Golden witnesses of the mixers, computed by other people's code.

    make golden-mixers

Rewrites internal/nn/scan/testdata/witness (recurrences alone) and
internal/nn/mixers/testdata/witness (layers) from flash-linear-attention's own
plain-torch references and transformers' modules, all pinned in requirements.txt.
The files are committed; this runs only when they must change.
"""

import torch

import composed
import fla_layers
import hf_layers
import lolcats_layers
import recurrences
import softmax_layers

if __name__ == "__main__":
    torch.set_grad_enabled(False)
    recurrences.main()
    hf_layers.main()
    fla_layers.main()
    softmax_layers.main()
    composed.main()
    lolcats_layers.main()
