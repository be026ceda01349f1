"""Makes one golden checkpoint: draws a model, saves it, and runs what was saved."""

import collections
import dataclasses
import json
import pathlib
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable

import safetensors.torch
import torch
import transformers
from transformers.pytorch_utils import Conv1D

import spelling
from spelling import ABSENT
from witness import ROOT, torch_only

FOLDER = ROOT / "internal/testdata/families"
LIMIT = 150_000  # bytes of a checkpoint with its golden files
BATCH, TOKENS = 2, 24
NOISE = 5e-5  # what fp32 may lose against float64

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# Their linear layers run in plain torch, not in kernels that want a GPU.
for model in ("granitemoehybrid", "qwen3_5"):
    torch_only(model)


@dataclasses.dataclass
class Family:
    name: str  # of the folder
    architecture: str  # of transformers
    config: dict  # what differs from the common sizes; ABSENT: not given at all
    dtype: str = "bfloat16"  # of the weights in the file
    v4: dict = dataclasses.field(default_factory=dict)  # what config.v4.json has otherwise; ABSENT: not in it
    short: int = 0  # tokens of a second, shorter run
    shards: int = 1
    rename: Callable[[str], str] = None  # of tensors, to names that other versions wrote
    masks: str = ""  # buffers that old files carry along
    wrap: bool = False  # the config has a text_config and a vision tower beside it
    inert: list = dataclasses.field(default_factory=list)  # keys that change nothing in this row

    @property
    def folder(self):
        return FOLDER / self.name

    @property
    def cls(self):
        return getattr(transformers, self.architecture)


def make(family, sizes):
    shutil.rmtree(family.folder, ignore_errors=True)
    model = draw(family, config_of(family, sizes))
    save(family, model)
    ids = token_ids(family)
    model = load(family)
    golden = run(model, ids)
    write(family.folder / "golden.safetensors", golden)
    if family.short:
        write(family.folder / "golden.short.safetensors", run(load(family), ids[:, : family.short]))
    check_precision(family, model, ids, golden["logits"])
    add_v4(family, golden)
    for file in family.folder.iterdir():
        file.chmod(0o644)
    size = sum(f.stat().st_size for f in family.folder.iterdir())
    assert size <= LIMIT, f"{family.name}: {size} bytes, want at most {LIMIT}"
    std = golden["logits"].std().item()
    print(f"{family.name}: {size} bytes, logits have a deviation of {std:.2g}")


def config_of(family, sizes):
    keys = {k: v for k, v in (sizes | family.config).items() if v is not ABSENT}
    if family.wrap:
        vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
                  "image_size": 8, "patch_size": 4}
        return family.cls.config_class(text_config=keys, vision_config=vision, mm_tokens_per_image=4)
    return family.cls.config_class(**keys)


QUERIES = re.compile(r"q_proj|k_proj|qkv|query_key_value|c_attn")


def draw(family, config):
    """A model with every parameter drawn anew, each by its own name: no norm is
    neutral, no bias 0, and attention is far from even."""
    torch.manual_seed(0)  # a vision tower starts from drawn biases
    model = family.cls(config)
    for name, p in model.named_parameters():
        g = torch.Generator().manual_seed(zlib.crc32(f"{family.name}/{name}".encode()))
        noise = torch.randn(p.shape, generator=g)
        if "norm" in name or p.ndim == 1:
            p.add_(0.3 * noise)  # around what the class starts from: 1, or 0 where it adds 1
        elif "embed" in name or "wte" in name or "wpe" in name:
            p.copy_(0.7 * noise)
        else:
            transposed = isinstance(model.get_submodule(name.rpartition(".")[0]), Conv1D)
            inputs = p.shape[0] if transposed else p[0].numel()
            sharp = 1.6 if QUERIES.search(name) else 1.0
            p.copy_(sharp * noise / inputs**0.5)
    return model


def save(family, model):
    for name, p in model.named_parameters():
        p.data = p.data.to(torch.float32 if name.endswith("A_log") else getattr(torch, family.dtype))
    total = sum(p.numel() * p.element_size() for p in model.parameters())
    model.save_pretrained(family.folder, max_shard_size=total * 5 // (4 * family.shards))
    (family.folder / "generation_config.json").unlink(missing_ok=True)
    if family.rename or family.masks:
        path = family.folder / "model.safetensors"
        tensors = {(family.rename or str)(k): v for k, v in safetensors.torch.load_file(path).items()}
        write(path, tensors | old_buffers(family, model.config), {"format": "pt"})


def old_buffers(family, config):
    """What the files of old versions hold beside weights."""
    if not family.masks:
        return {}
    n = 32
    mask = torch.ones(n, n, dtype=torch.bool).tril().view(1, 1, n, n)
    prefix = {"gpt2": "h.%d.attn", "neox": "gpt_neox.layers.%d.attention"}[family.masks]
    buffers = {}
    for i in range(config.num_hidden_layers):
        buffers[prefix % i + ".bias"] = mask.clone()
        buffers[prefix % i + ".masked_bias"] = torch.tensor(-1e4)
        if family.masks == "neox":
            buffers[prefix % i + ".rotary_emb.inv_freq"] = 1e4 ** -torch.arange(0, 1, 0.25)
    return buffers


def token_ids(family):
    """[B, T], the same for families with one vocabulary: all are run on the same text."""
    vocab = json.loads((family.folder / "config.json").read_text())
    vocab = vocab.get("text_config", vocab)["vocab_size"]
    return torch.randint(vocab, (BATCH, TOKENS), generator=torch.Generator().manual_seed(5))


def load(family, folder=None, config=None):
    """The saved model, in fp32; every tensor must be there and none unused."""
    model, info = family.cls.from_pretrained(
        folder or family.folder,
        config=config,
        dtype=torch.float32,
        attn_implementation="eager",
        output_loading_info=True,
    )
    wrong = {k: v for k, v in info.items() if v and not (k == "unexpected_keys" and family.masks)}
    assert not wrong, f"{family.name}: {wrong}"
    return model.eval()


ATTENTION = re.compile(r"^(?!.*vision).*\b(?:layers|h)\.(\d+)\.(?:self_attn|attention|attn|mamba|linear_attn)$")


def run(model, ids):
    """One call without a cache: ids, logits and what each layer's mixer gave."""
    golden, hooks = {"ids": ids}, []
    for name, module in model.named_modules():
        if found := ATTENTION.search(name):

            def keep(_module, _args, out, key=f"attention.{found[1]}"):
                golden[key] = out[0] if isinstance(out, tuple) else out

            hooks.append(module.register_forward_hook(keep))
    golden["logits"] = model(input_ids=ids, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    layers = getattr(model.config, "text_config", model.config).num_hidden_layers
    assert len(hooks) == layers, f"{len(hooks)} mixers, want one for each of {layers} layers"
    return golden


def check_precision(family, model, ids, logits):
    exact = run(model.double(), ids)["logits"]
    off = (exact - logits).abs().max().item()
    assert off < NOISE, f"{family.name}: fp32 logits are {off:.2g} off those of float64, want less than {NOISE}"


def add_v4(family, golden):
    """Writes config.v4.json; the library must read the same model from it."""
    config = json.loads((family.folder / "config.json").read_text())
    old = spelling.v4(config, family.v4)
    text = json.dumps(old, indent=2, sort_keys=True) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        for file in family.folder.iterdir():
            shutil.copy(file, folder)
        pathlib.Path(folder, "config.json").write_text(text)
        again = run(load(family, folder), golden["ids"])
    assert torch.equal(again["logits"], golden["logits"]), f"{family.name}: config.v4.json is another model: {old}"
    (family.folder / "config.v4.json").write_text(text)


def write(path, tensors, metadata=None):
    tensors = collections.OrderedDict((k, v.contiguous()) for k, v in sorted(tensors.items()))
    safetensors.torch.save_file(tensors, path, metadata)
