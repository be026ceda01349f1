"""Golden PEFT folders: adapters of tiny golden checkpoints, made, saved and run by
peft itself.

    python tools/golden/peft.py                                 # remake lora/testdata/peft
    python tools/golden/peft.py check BASE ADAPTER LOGITS       # hold ours against peft

The first rewrites lora/testdata/peft/<name> for each row of ADAPTERS, which the tests
of package lora read:

    adapter_config.json, adapter_model.safetensors    as peft saves them
    golden.safetensors    of a run in fp32: ids I64 [B, T], logits F32 [B, T, V]

The second loads an adapter folder of ours on its base with peft, and compares logits
with what `linearize logits` wrote for the merged folder; it wants no warning from peft.

Needs, beside requirements.txt, peft 0.21.2 with accelerate 1.15.0 and psutil 7.2.2.
The files are committed; this runs only when they must change.
"""

import json
import pathlib
import shutil
import sys
import warnings

# This file has the name of the package that it imports.
sys.path = [p for p in sys.path if pathlib.Path(p).resolve() != pathlib.Path(__file__).resolve().parent]

import peft  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAMILIES = ROOT / "internal/testdata/families"
OUTPUT = ROOT / "lora/testdata/peft"

# The checkpoint of each folder, and what is peculiar to its adapter.
ADAPTERS = {
    # Patterns for ranks and scales, under the root of the rank.
    "patterns": (
        "llama2",
        {
            "r": 4,
            "lora_alpha": 6,
            "use_rslora": True,
            "lora_dropout": 0.1,
            "target_modules": ["q_proj", "v_proj", "down_proj"],
            "rank_pattern": {"down_proj": 2, "layers.1.self_attn.q_proj": 3},
            "alpha_pattern": {"v_proj": 9, ".*1.mlp.down_proj": 5},
        },
    ),
    # The head, and targets by an expression.
    "head": ("tinyllama", {"r": 2, "target_modules": r"(.*\.1\.self_attn\.o_proj)|lm_head"}),
    # Conv1D, whose weights are [in, out]; queries, keys and values in one.
    "conv1d": (
        "gpt2",
        {"r": 3, "fan_in_fan_out": True, "target_modules": ["c_attn", "mlp.c_fc", "attn.c_proj"]},
    ),
    # Fused modules, of which the block has the parts.
    "fused": ("phi3", {"r": 2, "lora_alpha": 5, "target_modules": "all-linear"}),
    # The parts of all heads take turns.
    "heads": ("gpt-neox", {"r": 2, "target_modules": ["query_key_value", "dense_4h_to_h"]}),
}


def load(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def tokens(model):
    generator = torch.Generator().manual_seed(2)
    return torch.randint(model.config.vocab_size, (1, 12), generator=generator)


def make(name, family, options):
    torch.manual_seed(1)
    base = load(FAMILIES / family)
    ids = tokens(base)
    with torch.no_grad():
        plain = base(ids).logits
    config = peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **options)
    model = peft.get_peft_model(base, config).eval()
    with torch.no_grad():
        logits = model(ids).logits
    moved = (logits - plain).abs().max().item()
    assert moved > 1e-2, f"{name}: the adapter moves no logit by more than {moved}"
    folder = OUTPUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = folder / "adapter_config.json"
    values = json.loads(config.read_text())
    values["base_model_name_or_path"] = family
    if isinstance(values["target_modules"], list):  # a set until it is saved
        values["target_modules"].sort()
    config.write_text(json.dumps(values, indent=2) + "\n")
    safetensors.torch.save_file({"ids": ids, "logits": logits.contiguous()}, folder / "golden.safetensors")
    print(f"{name}: {family}, moves logits by {moved:.3g}")


def check(base, adapter, logits):
    want = safetensors.torch.load_file(logits)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # as of tensors that are missing
        model = peft.PeftModel.from_pretrained(load(base), adapter).eval()
    with torch.no_grad():
        beside = model(want["ids"]).logits
        merged = model.merge_and_unload()(want["ids"]).logits
        plain = load(base)(want["ids"]).logits
    print(f"peft {peft.__version__}: logits up to {beside.abs().max():.3g}, the adapter moves them by {(beside - plain).abs().max():.3g}")
    print(f"ours are off by {(beside - want['logits']).abs().max():.3g} from base and adapter")
    print(f"ours are off by {(merged - want['logits']).abs().max():.3g} from what peft merges")


if sys.argv[1:2] == ["check"]:
    check(*sys.argv[2:])
else:
    for name, (family, options) in ADAPTERS.items():
        make(name, family, options)
