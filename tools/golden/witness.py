"""Writes witnesses: small safetensors files with the inputs, tensors and outputs
of code that is not ours, which the Go tests hold our mixers against.

Axes: B batch, T time, E hidden size, H heads, K key and V value dimensions.
"""

import importlib
import json
import pathlib
import struct
import sys

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "internal/nn/scan/testdata/witness"
LAYERS = ROOT / "internal/nn/mixers/testdata/witness"
LIMIT = 60_000  # bytes of one file

TOKENS, BATCH = 37, 2


def torch_only(model):
    """The modeling module of transformers.models.<model>, on its own torch code:
    where fla is installed it would call fla's kernels, which need a GPU."""
    hidden = {name: sys.modules.get(name) for name in ("fla", "mamba_ssm", "causal_conv1d")}
    sys.modules.update(dict.fromkeys(hidden))
    try:
        return importlib.import_module(f"transformers.models.{model}.modeling_{model}")
    finally:
        for name, module in hidden.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})


def write(path, tensors, metadata):
    """Writes safetensors, fp32. Not by their own package: it orders the metadata
    anew in every run, and unchanged witnesses must stay unchanged files."""
    header, data = {"__metadata__": metadata}, b""
    for name, t in sorted(tensors.items()):
        assert torch.isfinite(t).all(), f"{path.name}: {name} is not finite"
        raw = t.detach().to(torch.float32).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header, sort_keys=True).encode()
    head += b" " * (-len(head) % 8)
    data = struct.pack("<Q", len(head)) + head + data
    assert len(data) <= LIMIT, f"{path.name}: {len(data)} bytes, want at most {LIMIT}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{path.relative_to(ROOT)}: {len(data)} bytes")


def kernel(name, rule, source, note="", **tensors):
    """A recurrence alone, in the layout of scan.Inputs: [H, B, T, ·], where the
    reference has [B, H, T, ·]; first and after are [H, B, K, V]."""
    tensors = {k: t.transpose(0, 1) for k, t in tensors.items() if t is not None}
    write(KERNELS / f"{name}.safetensors", tensors, {"kernel": rule, "source": source, "note": note})


# FRAME is what all mixers but softmax share, off: what a witness is of does not
# change when the default of a mixer does.
FRAME = {"conv": "0", "qk_norm": "none", "rope": "false", "norm": "none", "gate": "none"}


def explicit(spec):
    """The spec with every switch of the frame said."""
    name, *options = spec.split(",")
    if name == "softmax":
        return spec
    given = dict(o.split("=") if "=" in o else (o, "true") for o in options)
    if "conv" in given:
        given = {"conv_bias": "false"} | given
    return ",".join([name] + [k if v == "true" else f"{k}={v}" for k, v in sorted((FRAME | given).items())])


def layer(name, spec, model, source, weights, x, heads, state=None, note="", form=""):
    """A whole layer up to its output projection.

    spec is ours, as --mixer takes it, with what is on of the frame; weights are named as our tensors relative
    to the attention prefix; state maps our state's names to [B, ...]; form is
    "training" for heads that only a call without a state gives.
    """
    tensors = {"in.x": x, "out.heads": heads, **weights}
    for key, value in (state or {}).items():
        tensors["out.state." + key] = value
    metadata = {"mixer": explicit(spec), "model": json.dumps(model), "source": source, "note": note}
    if form:
        metadata["form"] = form
    write(LAYERS / f"{name}.safetensors", tensors, metadata)


def randomise(module, seed):
    """Draws every parameter anew, so that no norm is 1 and no bias 0."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(module.named_parameters()):
            if p.ndim >= 2:
                p.copy_(torch.randn(p.shape, generator=g) / p.shape[-1] ** 0.5)
            elif "norm" in name:
                p.copy_(1 + 0.3 * torch.randn(p.shape, generator=g))
            else:
                p.copy_(0.5 * torch.randn(p.shape, generator=g))
    return module.eval()


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def before(module, run):
    """Runs run() and returns its result and what module was given."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        result = run()
    hook.remove()
    return result, seen[-1]
