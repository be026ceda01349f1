"""What each class of transformers takes a config for that says sizes only, written out
in full: internal/arch/testdata/defaults.json, [{sizes, config}]."""

import json

import transformers

from witness import ROOT

PATH = ROOT / "internal/arch/testdata/defaults.json"

# Every default of a number of key and value heads divides the heads.
SIZES = {
    "vocab_size": 96,
    "hidden_size": 2560,
    "intermediate_size": 96,
    "num_hidden_layers": 8,
    "num_attention_heads": 160,
    "max_position_embeddings": 4096,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GPT2 = {
    "hidden_size": "n_embd",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
    "intermediate_size": None,
    "max_position_embeddings": None,
}
MORE = {  # sizes of which the class has no default, or none that fits
    "MinistralForCausalLM": {"head_dim": 16},
    "GraniteMoeHybridForCausalLM": {"num_local_experts": 0, "mamba_n_heads": 80, "layer_types": ["mamba", "attention"] * 4},
    "Qwen3_5ForCausalLM": {"linear_num_value_heads": 16},
}


def own(config):
    """The config less what says nothing of the model: keys of all configs, and vision."""
    general = transformers.PreTrainedConfig().to_dict().keys() - {"model_type"} | {"vision_config"}
    return {k: own(v) if k == "text_config" else v for k, v in config.items() if k not in general}


def main(architectures):
    rows = []
    for architecture in sorted(set(architectures)):
        cls = getattr(transformers, architecture).config_class
        sizes = SIZES | MORE.get(architecture, {})
        if cls.model_type == "gpt2":
            sizes = {GPT2.get(k, k): v for k, v in sizes.items() if GPT2.get(k, k)}
        if "text_config" in cls.sub_configs:
            sizes = {"text_config": sizes}
        config = own(json.loads(cls(**sizes).to_json_string(use_diff=False)))
        named = {"architectures": [architecture], "model_type": cls.model_type}
        rows.append({"sizes": named | sizes, "config": config | named})
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
    print(f"{PATH.relative_to(ROOT)}: {PATH.stat().st_size} bytes")
