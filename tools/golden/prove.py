"""Proves that a golden checkpoint notices mistakes: whatever is changed in its
config, its logits change."""

import json
import pathlib
import tempfile

import torch

import checkpoint

SEEN = 1e-2  # of logits, a hundred times what a test lets pass

# INERT keys say nothing of a forward pass, or only how parameters are made or stored.
INERT = {
    "architectures", "bos_token_id", "eos_token_id", "initializer_range", "is_decoder", "mamba_chunk_size",
    "max_position_embeddings", "output_router_logits", "pretraining_tp", "reorder_and_upcast_attn",
    "router_aux_loss_coef", "summary_proj_to_labels", "summary_use_proj", "tie_word_embeddings",
    "transformers_version", "use_cache", "vision_config", "attention_dropout", "attn_pdrop",
    "classifier_dropout", "embd_pdrop", "embedding_dropout", "hidden_dropout", "resid_pdrop",
    "residual_dropout", "summary_first_dropout", "boi_token_index", "eoi_token_index", "image_token_index",
    "mm_tokens_per_image",
}

# OVERRULED keys are read only where the list on the right is not given.
OVERRULED = {
    "max_window_layers": "layer_types",
    "no_rope_layer_interval": "no_rope_layers",
    "sliding_window_pattern": "layer_types",
    "_sliding_window_pattern": "layer_types",
    "use_sliding_window": "layer_types",
}


def every_switch_bites(family):
    for name in ("config.json", "config.v4.json"):
        config = json.loads((family.folder / name).read_text())
        want = logits(family, config)
        for path, changed in mutations(config, config.get("text_config", config)):
            if INERT.intersection(path) or ".".join(path) in family.inert:
                continue
            try:
                got = logits(family, changed)
            except Exception:  # each class refuses in its own way what no longer fits
                continue
            off = (got - want).abs().max().item()
            assert off > SEEN, f"{family.name}: {name}: {'.'.join(path)} moves the logits by {off:.2g} only"


def logits(family, config):
    """All logits of the row's runs, with this config."""
    ids = checkpoint.token_ids(family)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.json").write_text(json.dumps(config))
        config = family.cls.config_class.from_pretrained(folder)
    runs = [ids, ids[:, : family.short]] if family.short else [ids]
    return torch.cat([checkpoint.run(checkpoint.load(family, config=config), x)["logits"] for x in runs], dim=1)


def mutations(config, text):
    """Each leaf of the config as its path, and the config with it changed."""
    for key, value in config.items():
        if isinstance(value, dict):
            for path, changed in mutations(value, text):
                yield (key, *path), config | {key: changed}
        elif OVERRULED.get(key) not in text and (other := another(value)) is not None:
            yield (key,), config | {key: other}


def another(value):
    """Some other value of the same kind; None where there is none to think of."""
    kinds = {"full_attention": "sliding_attention", "sliding_attention": "full_attention", "mamba": "attention"}
    match value:
        case bool():
            return not value
        case int():
            return 2 * value if value > 9 else value + 1
        case float():
            return value * 1.5 + 0.1
        case "silu" | "gelu" | "gelu_new" | "gelu_pytorch_tanh" | "relu2":
            return "relu"
        case [str(), *_]:
            return [kinds.get(v, v) for v in value]
        case [int() | float(), *_]:
            return [another(v) if isinstance(v, (int, float)) else v for v in value]
    return None
