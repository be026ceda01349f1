"""Witnesses of softmax attention from transformers' modules, in their eager form."""

import torch
from transformers import DynamicCache

from witness import BATCH, TOKENS, before, draw, layer, randomise, torch_only

SOURCE = "transformers==5.23.0 "
HIDDEN, HEADS, GROUPS, DIM, WINDOW = 20, 4, 2, 8, 9
ROPE = {"rope_type": "default", "rope_theta": 10000.0}


def sizes(eps, bias=False):
    return {"hidden": HIDDEN, "heads": HEADS, "kv_heads": GROUPS, "head_dim": DIM, "rope_theta": 10000.0, "rope_dim": DIM,
            "norm_eps": eps, "qkv_bias": bias}


def bias(window=None, sinks=0):
    """An additive causal mask [1, 1, T, T] over the newest window keys and the first sinks."""
    i = torch.arange(TOKENS)
    gap = i[:, None] - i
    seen = (gap >= 0) & ((gap < (window or TOKENS)) | (i < sinks))
    return torch.zeros(TOKENS, TOKENS).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]


def attention(name, spec, model, config, kind, rotary, seed, window=None, sinks=0, more=None, note=""):
    config._attn_implementation = "eager"
    net = randomise(kind(config, 0), seed)
    x = draw(seed + 50, BATCH, TOKENS, HIDDEN)
    turns = rotary(config)(x, torch.arange(TOKENS)[None])
    cache = DynamicCache()
    _, heads = before(net.o_proj, lambda: net(x, position_embeddings=turns, attention_mask=bias(window, sinks), past_key_values=cache))
    weights = {f"{p}_proj.{kind}": t for p in "qkv" for kind, t in getattr(net, f"{p}_proj").named_parameters()}
    state = {} if window else {"keys": cache.layers[0].keys, "values": cache.layers[0].values}
    layer(name, spec, model, SOURCE + type(net).__name__, weights | (more(net) if more else {}), x, heads, state, note)


def main():
    common = {"hidden_size": HIDDEN, "num_attention_heads": HEADS, "num_key_value_heads": GROUPS, "head_dim": DIM,
              "num_hidden_layers": 2, "vocab_size": 8, "rope_parameters": ROPE, "bos_token_id": 0, "eos_token_id": 0,
              "pad_token_id": 0}
    m = torch_only("qwen3")
    attention("softmax-qwen3", "softmax,qk_norm=rms", sizes(1e-6), m.Qwen3Config(**common, rms_norm_eps=1e-6),
              m.Qwen3Attention, m.Qwen3RotaryEmbedding, 21,
              more=lambda n: {"mixer.q_norm.weight": n.q_norm.weight, "mixer.k_norm.weight": n.k_norm.weight})
    m = torch_only("gpt_oss")
    config = m.GptOssConfig(**common, sliding_window=WINDOW, attention_bias=True, layer_types=["sliding_attention", "full_attention"],
                            num_local_experts=2, num_experts_per_tok=1)
    attention("softmax-gpt-oss", f"softmax,window={WINDOW},sink_logit", sizes(1e-5, True), config, m.GptOssAttention,
              m.GptOssRotaryEmbedding, 22, window=WINDOW, more=lambda n: {"mixer.sink_logits": n.sinks})
    m = torch_only("gemma2")
    config = m.Gemma2Config(**common, query_pre_attn_scalar=DIM, attn_logit_softcapping=1.5)
    attention("softmax-gemma2", "softmax,softcap=1.5", sizes(1e-6), config, m.Gemma2Attention, m.Gemma2RotaryEmbedding, 23)
    m = torch_only("smollm3")
    config = m.SmolLM3Config(**common, no_rope_layers=[0, 1])
    attention("softmax-nope", "softmax,rope=false", sizes(1e-6), config, m.SmolLM3Attention, m.SmolLM3RotaryEmbedding, 24,
              note="a layer without positions")
    m = torch_only("llama")
    attention("softmax-sinks", f"softmax,window={WINDOW},sinks=3", sizes(1e-6), m.LlamaConfig(**common), m.LlamaAttention,
              m.LlamaRotaryEmbedding, 25, window=WINDOW, sinks=3, note="window and first tokens are the mask that it is given")
