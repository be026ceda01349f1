"""Witnesses of layers whose own code is in no package. The parts are other people's,
put together as the papers say: where they disagree with ours, look here first.
"""

import torch
import torch.nn.functional as F
from fla.modules.norm.layernorm_gated import rms_norm_ref
from fla.ops.gla.naive import naive_recurrent_gla

from softmax_layers import ROPE, bias
from witness import BATCH, TOKENS, before, draw, layer, randomise, torch_only

HEADS, GROUPS, DIM = 4, 2, 6
HIDDEN, WINDOW = HEADS * DIM // 2, 9


def sizes(kv_heads, eps=1e-5):
    return {"hidden": HIDDEN, "heads": HEADS, "kv_heads": kv_heads, "head_dim": DIM, "rope_theta": 10000.0, "rope_dim": DIM,
            "norm_eps": eps, "qkv_bias": False}


def liger():
    """Half softmax of Llama over a window, half GLA by fla with the key as its gate."""
    m = torch_only("llama")
    config = m.LlamaConfig(hidden_size=HIDDEN, num_attention_heads=HEADS, num_key_value_heads=GROUPS, head_dim=DIM,
                           rope_parameters=ROPE)
    config._attn_implementation = "eager"
    net = randomise(m.LlamaAttention(config, 0), 31)
    x = draw(32, BATCH, TOKENS, HIDDEN)
    turns = m.LlamaRotaryEmbedding(config)(x, torch.arange(TOKENS)[None])
    _, near = before(net.o_proj, lambda: net(x, position_embeddings=turns, attention_mask=bias(WINDOW)))
    q, k, v = (getattr(net, f"{p}_proj")(x).unflatten(-1, (-1, DIM)) for p in "qkv")
    k, v = (u.repeat_interleave(HEADS // GROUPS, 2) for u in (k, v))
    scale = DIM**0.5  # the reference scales queries, Liger does not
    far, memory = naive_recurrent_gla(q.softmax(-1) * scale, k.softmax(-1), v, F.logsigmoid(k) / 16, output_final_state=True)
    weights = {f"{p}_proj.weight": getattr(net, f"{p}_proj").weight for p in "qkv"}
    layer("gla-liger", f"gla,decay_from=key,normaliser=16,activation=softmax,window={WINDOW}", sizes(GROUPS),
          "transformers==5.23.0 LlamaAttention, flash-linear-attention==0.6.0 naive_recurrent_gla", weights, x,
          (near + far.flatten(2)) / 2, {"memory": memory}, "put together as in Liger, arXiv:2503.01496")


def mmmamba():
    """Mamba2Mixer up to its norm, and fla's norm of each head before the gate."""
    m = torch_only("mamba2")
    config = m.Mamba2Config(
        num_heads=HEADS, head_dim=DIM, hidden_size=HIDDEN, state_size=DIM, n_groups=HEADS, num_hidden_layers=1, conv_kernel=2,
        layer_norm_epsilon=1e-5, vocab_size=8, chunk_size=16, time_step_limit=(0.0, float("inf")))
    net = randomise(m.Mamba2Mixer(config, 0), 33)
    net.D.zero_()
    x = draw(34, BATCH, TOKENS, HIDDEN)
    _, y = before(net.norm, lambda: net(x))
    z, v, k, q, dt = net.in_proj.weight.detach().split([HEADS * DIM] * 4 + [HEADS])
    norm = net.norm.weight.detach()[:DIM]
    heads = rms_norm_ref(y, norm.repeat(HEADS), None, z=x @ z.T, eps=1e-5, group_size=DIM, norm_before_gate=True)
    layer("mamba2-mmmamba", "mamba2,conv=2,conv_bias,norm=before,gate=silu", sizes(HEADS),
          "transformers==5.23.0 Mamba2Mixer, flash-linear-attention==0.6.0 layernorm_gated.rms_norm_ref",
          {"q_proj.weight": q, "k_proj.weight": k, "v_proj.weight": v, "mixer.dt_proj.weight": dt, "mixer.dt_bias": net.dt_bias,
           "mixer.A_log": net.A_log, "mixer.conv1d.weight": net.conv1d.weight, "mixer.conv1d.bias": net.conv1d.bias,
           "mixer.g_proj.weight": z, "mixer.norm.weight": norm}, x, heads,
          note="put together as in mmMamba, arXiv:2502.13145: the norm of each head before the gate, no D")


def main():
    liger()
    mmmamba()
