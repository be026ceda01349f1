"""Golden checkpoints: a tiny random model of each family, made, saved and run by
transformers itself.

    make golden-families

Rewrites internal/testdata/families/<name>, whose tests hold our reading and our
graph against them:

    config.json          as transformers 5 writes it
    config.v4.json       the same in the spelling of transformers 4, which gives the
                         same logits there; what is a class default is left out
    model.safetensors    or shards and their index
    golden.safetensors   of a run in fp32 without a cache: ids [B, T], logits [B, T, V]
                         and attention.<layer> [B, T, E], what the layer's attention
                         (or linear mixer) gives after its output projection
    golden.short.…       the same of fewer tokens, where the length chooses the rotation

Every switch that a family has is on in one of its rows, and prove.py makes sure that
each moves the logits. The files are committed; this runs only when they must change.
"""

import shutil
import sys

import torch

import checkpoint
import defaults
import prove
from checkpoint import ABSENT, Family

# SIZES are of every model unless its row says otherwise. Heads times head_dim is not
# the hidden size; with 24 tokens windows, original lengths of 16 and patterns matter.
SIZES = {
    "vocab_size": 70,
    "hidden_size": 24,
    "intermediate_size": 36,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}


def rope(kind="default", theta=10000.0, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **more}}


def without(*keys):
    return dict.fromkeys(keys, ABSENT)


def longrope(pairs, **more):
    return rope(
        "longrope",
        short_factor=[1 + 0.1 * i for i in range(pairs)],
        long_factor=[1.5 + i for i in range(pairs)],
        **more,
    )


SQUARE = without("head_dim")  # hidden / heads, 6
NEOX = SQUARE | without("num_key_value_heads") | {"hidden_size": 32, "num_attention_heads": 2}
GPT2 = without("head_dim", "hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads",
               "num_hidden_layers", "num_key_value_heads")

# INNER_LENGTH does not count beside the top level's original_max_position_embeddings.
INNER_LENGTH = ["rope_parameters.original_max_position_embeddings", "rope_scaling.original_max_position_embeddings"]
SLIDING, FULL, LINEAR = "sliding_attention", "full_attention", "linear_attention"
LLAMA3 = rope("llama3", 500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = rope("yarn", 100.0, factor=4.0, original_max_position_embeddings=20)

FAMILIES = [
    Family("llama2", "LlamaForCausalLM",
           SQUARE | {"num_key_value_heads": 4, "rms_norm_eps": 1e-5},
           v4=without("head_dim", "rope_theta", "tie_word_embeddings", "attention_bias", "mlp_bias")
               | {"num_key_value_heads": None}),
    Family("llama3", "LlamaForCausalLM",
           rope(theta=500000.0) | {"num_hidden_layers": 3, "eos_token_id": [2, 5]}, shards=3),
    Family("llama3.2", "LlamaForCausalLM", LLAMA3 | {"tie_word_embeddings": True, "eos_token_id": [2, 5, 7]}),
    Family("llama-bias", "LlamaForCausalLM", {"attention_bias": True, "mlp_bias": True}, dtype="float16"),
    Family("llama-linear", "LlamaForCausalLM",
           rope("linear", factor=4.0),
           v4={"rope_scaling": {"type": "linear", "factor": 4.0}}),
    Family("llama-dynamic", "LlamaForCausalLM",
           rope("dynamic", factor=4.0) | {"max_position_embeddings": 16},
           v4={"rope_scaling": {"type": "dynamic", "factor": 4.0}}, short=12),
    Family("llama-yarn", "LlamaForCausalLM", YARN),
    Family("llama-yarn-mscale", "LlamaForCausalLM",
           rope("yarn", 100.0, factor=4.0, original_max_position_embeddings=16, beta_fast=1.5, beta_slow=0.25,
               mscale=0.8, mscale_all_dim=0.4, truncate=False)),
    Family("tinyllama", "LlamaForCausalLM",
           SQUARE | {"num_attention_heads": 6, "hidden_size": 36, "num_key_value_heads": 2}, dtype="float32",
           v4=without("head_dim", "rms_norm_eps")),
    Family("smollm2", "LlamaForCausalLM",
           SQUARE | rope(theta=100000.0) | {"num_attention_heads": 3, "num_key_value_heads": 1,
               "tie_word_embeddings": True}),
    Family("smollm3", "SmolLM3ForCausalLM",
           SQUARE | {"num_hidden_layers": 4, "no_rope_layer_interval": 2, "use_sliding_window": True,
               "sliding_window": 7, "attention_bias": True, "mlp_bias": True},
           v4=without("layer_types", "no_rope_layers", "tie_word_embeddings")),
    Family("smollm3-lists", "SmolLM3ForCausalLM",
           SQUARE | rope(theta=2000000.0) | {"num_hidden_layers": 3, "no_rope_layers": [0, 1, 1],
               "tie_word_embeddings": False},
           v4=without("layer_types", "rope_theta") | {"sliding_window": 6}, inert=["sliding_window"]),
    Family("mistral", "MistralForCausalLM", {"sliding_window": 7}),
    Family("mistral-nemo", "MistralForCausalLM",
           rope(theta=1000000.0) | {"sliding_window": None, "head_dim": 4}, dtype="float16"),
    Family("ministral", "MinistralForCausalLM",
           {"num_hidden_layers": 3, "sliding_window": 6, "layer_types": [FULL, SLIDING, FULL]}),
    Family("ministral3", "Ministral3ForCausalLM",
           rope("yarn", 100.0, factor=4.0, original_max_position_embeddings=16, max_position_embeddings=64,
               beta_fast=0.7, beta_slow=0.1, mscale=1.0, mscale_all_dim=0.5, llama_4_scaling_beta=0.4)),
    Family("qwen2", "Qwen2ForCausalLM",
           SQUARE | {"num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 6,
               "max_window_layers": 1},
           v4=without("layer_types", "rms_norm_eps", "tie_word_embeddings")),
    Family("qwen2-layers", "Qwen2ForCausalLM",
           SQUARE | YARN | {"num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 6,
               "layer_types": [SLIDING, FULL, SLIDING], "tie_word_embeddings": True}),
    Family("qwen3", "Qwen3ForCausalLM",
           {"num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 2,
               "attention_bias": True},
           v4=without("layer_types", "rms_norm_eps")),
    Family("qwen3-0.6b", "Qwen3ForCausalLM",
           rope(theta=1000000.0) | {"hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1,
               "head_dim": 128, "tie_word_embeddings": True, "max_window_layers": 0},
           v4=without("head_dim", "layer_types") | {"sliding_window": 6},
           inert=["sliding_window", "max_window_layers"]),
    Family("phi3", "Phi3ForCausalLM",
           SQUARE | {"sliding_window": 7}, inert=["original_max_position_embeddings"]),
    Family("phi3-longrope", "Phi3ForCausalLM",
           SQUARE | longrope(3) | {"original_max_position_embeddings": 16},
           v4=without("partial_rotary_factor"), short=12, inert=INNER_LENGTH),
    Family("phi4-mini", "Phi3ForCausalLM",
           SQUARE | longrope(3, partial_rotary_factor=0.75) | {"hidden_size": 32,
               "original_max_position_embeddings": 16, "tie_word_embeddings": True}, short=12, inert=INNER_LENGTH),
    Family("gemma", "GemmaForCausalLM",
           {"num_key_value_heads": 1, "hidden_act": "gelu"},
           v4=without("tie_word_embeddings", "rope_theta", "rope_scaling", "attention_bias")),
    Family("gemma2", "Gemma2ForCausalLM",
           {"num_hidden_layers": 3, "query_pre_attn_scalar": 16, "sliding_window": 5, "attn_logit_softcapping": 4.0,
               "final_logit_softcapping": 6.0},
           v4=without("layer_types", "tie_word_embeddings", "hidden_activation") | {"hidden_act": "gelu"},
           inert=["hidden_act"]),
    Family("gemma3-text", "Gemma3ForCausalLM",
           {"num_hidden_layers": 4, "query_pre_attn_scalar": 20, "sliding_window": 5,
               "layer_types": [SLIDING, SLIDING, FULL, SLIDING],
               "rope_parameters": {FULL: {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
                                   SLIDING: {"rope_type": "default", "rope_theta": 1000.0}}},
           v4=without("layer_types", "_sliding_window_pattern", "tie_word_embeddings", "rope_theta")
               | {"sliding_window_pattern": 3}),
    # The soft cap of attention is a key that 5.23 reads and does not use.
    Family("gemma3-softcap", "Gemma3ForCausalLM",
           {"query_pre_attn_scalar": 20, "sliding_window": 5, "attn_logit_softcapping": 4.0,
               "final_logit_softcapping": 6.0, "layer_types": [FULL, SLIDING], "tie_word_embeddings": False},
           inert=["attn_logit_softcapping"]),
    Family("gemma3", "Gemma3ForConditionalGeneration",
           {"num_hidden_layers": 3, "query_pre_attn_scalar": 20, "sliding_window": 5,
               "layer_types": [SLIDING, FULL, SLIDING]}, wrap=True),
    # Names as the modules are called; the class default gives it no full layer.
    Family("gemma3-new-names", "Gemma3ForConditionalGeneration",
           {"query_pre_attn_scalar": 20, "sliding_window": 5}, wrap=True,
           rename=lambda name: "model." + name.replace("language_model.model.", "language_model."),
           v4=without("layer_types", "rope_theta", "rope_local_base_freq", "_sliding_window_pattern"),
           inert=["text_config.rope_parameters.full_attention.rope_theta"]),
    Family("olmo", "OlmoForCausalLM", SQUARE | {"clip_qkv": 0.8, "attention_bias": True}),
    Family("olmo2", "Olmo2ForCausalLM",
           SQUARE | rope(theta=500000.0) | {"attention_bias": True},
           v4=without("rms_norm_eps")),
    Family("olmo3", "Olmo3ForCausalLM",
           SQUARE | {"num_hidden_layers": 4, "sliding_window": 6,
               "rope_parameters": {FULL: YARN["rope_parameters"], SLIDING: rope(theta=500000.0)["rope_parameters"]}},
           v4=without("layer_types", "rms_norm_eps")),
    Family("granite", "GraniteForCausalLM",
           SQUARE | {"attention_multiplier": 0.3, "embedding_multiplier": 1.7, "residual_multiplier": 0.6,
               "logits_scaling": 1.5, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    Family("gpt-neox", "GPTNeoXForCausalLM",
           NEOX | rope(partial_rotary_factor=0.25),
           v4=without("rope_scaling", "attention_bias")),
    Family("gpt-neox-sequential", "GPTNeoXForCausalLM",
           NEOX | rope(theta=1000.0, partial_rotary_factor=0.5) | {"use_parallel_residual": False,
               "attention_bias": False, "hidden_act": "gelu_new"}),
    Family("pythia-old-names", "GPTNeoXForCausalLM",
           NEOX | rope(partial_rotary_factor=1.0), dtype="float16", masks="neox"),
    Family("gpt2", "GPT2LMHeadModel",
           GPT2 | {"n_embd": 24, "n_head": 4, "n_layer": 2, "n_positions": 32},
           v4=without("tie_word_embeddings", "scale_attn_by_inverse_layer_idx", "activation_function")),
    Family("gpt2-old-names", "GPT2LMHeadModel",
           GPT2 | {"n_embd": 24, "n_head": 3, "n_layer": 3, "n_positions": 32, "n_inner": 40,
               "scale_attn_by_inverse_layer_idx": True}, dtype="float32",
           rename=lambda name: name.removeprefix("transformer."), masks="gpt2"),
    Family("phi", "PhiForCausalLM",
           SQUARE | rope(partial_rotary_factor=0.5) | {"hidden_size": 32, "num_key_value_heads": 4},
           v4=without("partial_rotary_factor") | {"num_key_value_heads": None}),
    Family("phi-qk-norm", "PhiForCausalLM",
           SQUARE | rope(partial_rotary_factor=0.4) | {"hidden_size": 40, "qk_layernorm": True}, dtype="float16"),
    Family("starcoder2", "Starcoder2ForCausalLM",
           SQUARE | {"sliding_window": 7},
           v4=without("tie_word_embeddings", "use_bias", "hidden_act")),
    Family("starcoder2-plain", "Starcoder2ForCausalLM",
           SQUARE | {"use_bias": False, "tie_word_embeddings": False}),
    Family("stablelm", "StableLmForCausalLM",
           SQUARE | rope(partial_rotary_factor=0.25) | {"hidden_size": 32, "num_attention_heads": 2,
               "num_key_value_heads": 1, "use_qkv_bias": True},
           v4=without("partial_rotary_factor")),
    Family("stablelm-parallel", "StableLmForCausalLM",
           SQUARE | rope(partial_rotary_factor=0.5) | {"hidden_size": 32, "qk_layernorm": True,
               "use_parallel_residual": True}),
    Family("cohere", "CohereForCausalLM",
           SQUARE | rope(theta=500000.0) | {"use_qk_norm": True, "attention_bias": True, "logit_scale": 0.25},
           v4=without("tie_word_embeddings", "rope_theta")),
    Family("cohere-plain", "CohereForCausalLM",
           SQUARE | {"num_key_value_heads": 4},
           v4=without("logit_scale")),
    Family("glm4", "Glm4ForCausalLM",
           rope(partial_rotary_factor=0.5) | {"head_dim": 12},
           v4=without("partial_rotary_factor", "rms_norm_eps")),
    Family("nemotron", "NemotronForCausalLM",
           rope(partial_rotary_factor=0.5) | {"head_dim": 12, "attention_bias": True, "mlp_bias": True},
           v4=without("partial_rotary_factor")),
    Family("exaone4", "Exaone4ForCausalLM",
           SQUARE | {"num_hidden_layers": 3, "sliding_window": 6, "sliding_window_pattern": 2},
           v4=without("layer_types")),
    Family("exaone4-full", "Exaone4ForCausalLM",
           LLAMA3 | {"sliding_window": None, "sliding_window_pattern": None, "layer_types": [FULL, FULL],
               "tie_word_embeddings": True}),
    Family("helium", "HeliumForCausalLM",
           rope(theta=100000.0) | {"head_dim": 6, "attention_bias": True, "mlp_bias": True},
           v4=without("rope_theta", "rms_norm_eps")),
    Family("seed-oss", "SeedOssForCausalLM", {"attention_out_bias": True, "mlp_bias": True}),
    Family("granite-hybrid", "GraniteMoeHybridForCausalLM",
           SQUARE | {"num_hidden_layers": 3, "layer_types": [LINEAR, FULL, LINEAR], "num_local_experts": 0,
               "num_experts_per_tok": 0, "shared_intermediate_size": 36, "position_embedding_type": "rope",
               "attention_multiplier": 0.3, "embedding_multiplier": 1.7, "residual_multiplier": 0.6,
               "logits_scaling": 1.5, "mamba_n_heads": 4, "mamba_d_head": 12, "mamba_n_groups": 1, "mamba_d_state": 10,
               "mamba_expand": 2, "mamba_chunk_size": 16, "tie_word_embeddings": True},
           v4={"layer_types": ["mamba", "attention", "mamba"]}, inert=["intermediate_size", "num_experts_per_tok"]),
    Family("qwen3.5-text", "Qwen3_5ForCausalLM",
           rope(theta=1000.0, partial_rotary_factor=0.5) | {"num_hidden_layers": 3, "head_dim": 12,
               "layer_types": [LINEAR, FULL, LINEAR], "linear_conv_kernel_dim": 3, "linear_key_head_dim": 10,
               "linear_value_head_dim": 10, "linear_num_key_heads": 3, "linear_num_value_heads": 3}),
]

if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)  # the order of sums is part of the files
    only = sys.argv[1:]  # names; none: all, and what is no longer in the table goes
    if not only:
        shutil.rmtree(checkpoint.FOLDER, ignore_errors=True)
    for family in FAMILIES:
        if not only or family.name in only:
            checkpoint.make(family, SIZES)
            prove.every_switch_bites(family)
    if not only:
        defaults.main(family.architecture for family in FAMILIES)
