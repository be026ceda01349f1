"""Witnesses of whole layers from transformers' modules, on their own torch code."""

import torch
from transformers import DynamicCache

from witness import BATCH, TOKENS, before, draw, layer, randomise, torch_only

SOURCE = "transformers==5.23.0 "
HIDDEN, HEADS, DIM = 22, 4, 6
WIDTH = HEADS * DIM


def sizes(kv_heads=HEADS, eps=1e-6, **more):
    return {"hidden": HIDDEN, "heads": HEADS, "kv_heads": kv_heads, "head_dim": DIM, "rope_theta": 10000.0,
            "rope_dim": DIM, "norm_eps": eps, "qkv_bias": False} | more


def share(weight, groups):
    """Makes the heads of a group alike in a class that has no groups, [H·D, ...],
    and returns what they share, [G·D, ...]."""
    w = weight.detach().view(HEADS, -1, *weight.shape[1:])
    own = w[:: HEADS // groups].clone()
    w.copy_(own.repeat_interleave(HEADS // groups, 0))
    return own.flatten(0, 1)


def cached(module, config, x):
    """Runs a layer with a cache: what its output projection was given, the memory,
    and the last inputs of the convolution, [B, K-1, C]."""
    cache = DynamicCache(config=config)
    out = module.out_proj if hasattr(module, "out_proj") else module.o_proj
    _, heads = before(out, lambda: module(x, cache_params=cache))
    entry = cache.layers[0]
    return heads, entry.recurrent_states[0], entry.conv_states[0][..., 1:].transpose(1, 2)


def convolution(weight, conv, groups, bias=None):
    """Our convolution, over v, k, q, from the class's over q, k, v, and its state."""
    def ours(parts, of):
        return torch.cat([of(parts[2]), of(parts[1]), parts[0]])
    alike = lambda w: share(w, groups)
    tensors = {"mixer.conv1d.weight": ours(weight.detach().split(WIDTH), alike)}
    if bias is not None:
        tensors |= {"mixer.conv1d.bias": ours(bias.detach().split(WIDTH), alike)}
    state = ours(conv.permute(2, 0, 1).split(WIDTH), lambda s: s.unflatten(0, (HEADS, DIM))[:: HEADS // groups].flatten(0, 1))
    return tensors, state.permute(1, 2, 0)


def delta_layer(name, spec, net, config, qkv, groups, model, source, more, note=""):
    """Qwen3.5, OLMo-hybrid and Kimi have this in common: q, k, v side by side
    through one convolution, and an input of x to its output projection."""
    x = draw(7, BATCH, TOKENS, HIDDEN)
    q, k, v = qkv
    weights = {"q_proj.weight": q, "k_proj.weight": share(k, groups), "v_proj.weight": share(v, groups)}
    for part in net.conv1d.weight.detach().split(WIDTH)[1:]:
        share(part, groups)
    heads, memory, conv = cached(net, config, x)
    tensors, conv = convolution(net.conv1d.weight, conv, groups)
    if groups < HEADS:
        note = "the class has as many key heads as query heads: those of a group are alike. " + note
    layer(name, spec, model, SOURCE + source, weights | tensors | more(net), x, heads, {"memory": memory, "conv": conv}, note)


GATED = "gated-delta,conv=4,qk_norm=l2,norm=before,gate=silu"
LINEAR = ["linear_attention", "full_attention"]


def gated(net, a, b, g, norm):
    """The tensors of a gated delta layer besides those of q, k and v."""
    return {"mixer.A_log": net.A_log, "mixer.dt_bias": net.dt_bias, "mixer.a_proj.weight": a.weight,
            "mixer.b_proj.weight": b.weight, "mixer.g_proj.weight": g.weight, "mixer.norm.weight": norm.weight}


def qwen35():
    m = torch_only("qwen3_5")
    config = m.Qwen3_5TextConfig(
        hidden_size=HIDDEN, num_hidden_layers=2, layer_types=LINEAR, num_attention_heads=2, num_key_value_heads=1,
        head_dim=8, linear_num_key_heads=HEADS, linear_num_value_heads=HEADS, linear_key_head_dim=DIM,
        linear_value_head_dim=DIM, linear_conv_kernel_dim=4, rms_norm_eps=1e-6, vocab_size=8)
    net = randomise(m.Qwen3_5GatedDeltaNet(config, 0), 1)
    delta_layer("gated-delta-qwen35", GATED, net, config, net.in_proj_qkv.weight.detach().split(WIDTH), 2, sizes(kv_heads=2),
                "Qwen3_5GatedDeltaNet", lambda n: gated(n, n.in_proj_a, n.in_proj_b, n.in_proj_z, n.norm))


def olmo():
    m = torch_only("olmo_hybrid")
    config = m.OlmoHybridConfig(
        hidden_size=HIDDEN, num_hidden_layers=2, layer_types=LINEAR, num_attention_heads=2, num_key_value_heads=1,
        linear_num_key_heads=HEADS, linear_num_value_heads=HEADS, linear_key_head_dim=DIM, linear_value_head_dim=DIM,
        linear_conv_kernel_dim=4, linear_allow_neg_eigval=True, vocab_size=8, pad_token_id=0)
    net = randomise(m.OlmoHybridGatedDeltaNet(config, 0), 2)
    qkv = [p.weight.detach() for p in (net.q_proj, net.k_proj, net.v_proj)]
    delta_layer("gated-delta-olmo", GATED + ",allow_neg_eigval", net, config, qkv, HEADS, sizes(eps=1e-5),
                "OlmoHybridGatedDeltaNet", lambda n: gated(n, n.a_proj, n.b_proj, n.g_proj, n.o_norm))


def kimi():
    m = torch_only("kimi_linear")
    config = m.KimiLinearConfig(
        hidden_size=HIDDEN, num_hidden_layers=2, layer_types=LINEAR, num_attention_heads=2, linear_head_dim=DIM,
        linear_num_heads=HEADS, linear_conv_kernel_dim=4, rms_norm_eps=1e-5, vocab_size=8, pad_token_id=0)
    net = randomise(m.KimiLinearDeltaAttention(config, 0), 3)
    qkv = [p.weight.detach() for p in (net.q_proj, net.k_proj, net.v_proj)]
    spec = f"gated-delta,decay=channel,conv=4,qk_norm=l2,norm=before,gate=sigmoid,gate_rank={DIM}"
    delta_layer("gated-delta-kimi", spec, net, config, qkv, 2, sizes(kv_heads=2, eps=1e-5),
                "KimiLinearDeltaAttention", lambda n: {
                    "mixer.A_log": n.forget_gate.A_log.flatten(), "mixer.dt_bias": n.forget_gate.dt_bias,
                    "mixer.a_proj.0.weight": n.forget_gate.f_a_proj.weight,
                    "mixer.a_proj.1.weight": n.forget_gate.f_b_proj.weight, "mixer.b_proj.weight": n.b_proj.weight,
                    "mixer.g_proj.0.weight": n.g_a_proj.weight, "mixer.g_proj.1.weight": n.g_b_proj.weight,
                    "mixer.norm.weight": n.o_norm.weight}, "KDA: a decay per key channel")


def mamba_parts(net, state):
    """The tensors of a Mamba-2 mixer but for its norm: in_proj is z, x, B, C, Δ."""
    inner = WIDTH
    z, x, b, c, dt = net.in_proj.weight.detach().split([inner, inner, state, state, HEADS])
    return z, x, b, c, {"mixer.dt_proj.weight": dt, "mixer.dt_bias": net.dt_bias, "mixer.A_log": net.A_log, "mixer.D": net.D,
                        "mixer.conv1d.weight": net.conv1d.weight, "mixer.conv1d.bias": net.conv1d.bias}


def granite():
    m = torch_only("granitemoehybrid")
    n = 8
    config = m.GraniteMoeHybridConfig(
        hidden_size=HEADS * DIM // 2, num_hidden_layers=2, layer_types=["mamba", "attention"], num_attention_heads=2,
        num_key_value_heads=1, mamba_n_heads=HEADS, mamba_d_head=DIM, mamba_d_state=n, mamba_n_groups=1, mamba_d_conv=4,
        mamba_expand=2, rms_norm_eps=1e-5, vocab_size=8, num_local_experts=0, mamba_chunk_size=16)
    net = randomise(m.GraniteMoeHybridMambaLayer(config, 0), 4)
    x = draw(8, BATCH, TOKENS, config.hidden_size)
    heads, memory, conv = cached(net, config, x)
    z, v, b, c, weights = mamba_parts(net, n)
    weights |= {"v_proj.weight": v, "mixer.B_proj.weight": b, "mixer.C_proj.weight": c, "mixer.g_proj.weight": z,
                "mixer.norm.weight": net.norm.weight}
    layer("mamba2-granite", f"mamba2,groups=1,state_dim={n},conv=4,conv_bias,skip,norm=after,norm_width=full,gate=silu",
          sizes(eps=1e-5, hidden=config.hidden_size), SOURCE + "GraniteMoeHybridMambaLayer", weights, x, heads,
          {"memory": memory, "conv": conv})


def mamba2():
    """Mamba2Mixer with its groups: one for each head, as MambaInLlama has them,
    and two for four heads, before its norm, which 5.23 applies per group."""
    m = torch_only("mamba2")
    for groups in (HEADS, 2):
        n, hidden = DIM, HEADS * DIM // 2
        config = m.Mamba2Config(
            num_heads=HEADS, head_dim=DIM, hidden_size=hidden, state_size=n, n_groups=groups, num_hidden_layers=1,
            conv_kernel=4, layer_norm_epsilon=1e-5, vocab_size=8, chunk_size=16, time_step_limit=(0.0, float("inf")))
        net = randomise(m.Mamba2Mixer(config, 0), 5)
        with torch.no_grad():
            net.norm.weight.copy_(net.norm.weight[:DIM].repeat(HEADS))
        x = draw(9, BATCH, TOKENS, hidden)
        z, v, b, c, weights = mamba_parts(net, groups * n)
        if groups == HEADS:  # MambaInLlama: x, B and C are the teacher's v, k and q
            for part in (v, b, *net.conv1d.weight.detach().split(WIDTH)[:2], *net.conv1d.bias.detach().split(WIDTH)[:2]):
                share(part, 2)
            heads, memory, conv = cached(net, config, x)
            pick = lambda u: share(u.detach().clone(), 2)
            for kind in ("weight", "bias"):
                p = getattr(net.conv1d, kind).split(WIDTH)
                weights[f"mixer.conv1d.{kind}"] = torch.cat([pick(p[0]), pick(p[1]), p[2]])
            conv = [u.unflatten(-1, (HEADS, DIM)) for u in conv.split(WIDTH, -1)]
            conv = torch.cat([conv[0][:, :, ::2].flatten(2), conv[1][:, :, ::2].flatten(2), conv[2].flatten(2)], -1)
            weights |= {"v_proj.weight": v.unflatten(0, (HEADS, DIM))[::2].flatten(0, 1),
                        "k_proj.weight": b.unflatten(0, (HEADS, DIM))[::2].flatten(0, 1), "q_proj.weight": c,
                        "mixer.g_proj.weight": z, "mixer.norm.weight": net.norm.weight[:DIM]}
            layer("mamba2-mambainllama", "mamba2,conv=4,conv_bias,skip,norm=after,gate=silu", sizes(kv_heads=2, eps=1e-5, hidden=hidden),
                  SOURCE + "Mamba2Mixer, n_groups = heads", weights, x, heads, {"memory": memory, "conv": conv},
                  "heads of a group are alike in x and B, as MambaInLlama repeats them; its in_proj writes q and k as C and B")
            continue
        cache = DynamicCache(config=config)
        _, y = before(net.norm, lambda: net(x, cache_params=cache))
        weights |= {"v_proj.weight": v, "mixer.B_proj.weight": b, "mixer.C_proj.weight": c}
        layer("mamba2-groups", f"mamba2,groups=2,state_dim={n},conv=4,conv_bias,skip", sizes(eps=1e-5, hidden=hidden),
              SOURCE + "Mamba2Mixer, n_groups = 2", weights, x, y, {"memory": cache.layers[0].recurrent_states[0]},
              "out.heads is what the class gives its norm, whose groups ours cannot say")


def minimax():
    """Lightning attention, with slopes that shrink with depth, given as learnt, and
    at the one depth where they are those of the paper."""
    m = torch_only("minimax")
    for name, decay, layers in (("lightning-minimax", "learnt", 3), ("lightning-slopes", "slopes", 100001)):
        config = m.MiniMaxConfig(
            hidden_size=HIDDEN, num_hidden_layers=3, layer_types=["linear_attention"] * 2 + ["full_attention"], head_dim=DIM,
            num_attention_heads=HEADS, num_key_value_heads=2, block_size=16, vocab_size=8, hidden_act="silu")
        config.num_hidden_layers = layers  # factor of the slopes: 1 - 1/(layers - 1) + 1e-5
        net = randomise(m.MiniMaxLightningAttention(config, 1), 6)
        x = draw(10, BATCH, TOKENS, HIDDEN)
        qkv = net.qkv_proj.weight.detach().unflatten(0, (HEADS, 3, DIM))
        (_, memory), heads = before(net.out_proj, lambda: net(x, None, None))
        weights = {f"{p}_proj.weight": qkv[:, i].flatten(0, 1) for i, p in enumerate("qkv")}
        weights |= {"mixer.conv1d.weight": torch.ones(3 * WIDTH, 1, 1), "mixer.g_proj.weight": net.output_gate.weight,
                    "mixer.norm.weight": net.norm.weight}
        if decay == "learnt":
            weights["mixer.log_rate"] = net.slope_rate.flatten().log()
        layer(name, f"lightning,decay={decay},conv=1,norm=before,norm_width=full,gate=sigmoid",
              sizes(eps=net.norm.variance_epsilon / DIM), SOURCE + "MiniMaxLightningAttention", weights, x, heads,
              {"memory": memory}, "SiLU of q, k, v is a convolution of width 1; the class does not scale by D^-1/2, "
              "which its norm takes out again but for eps, here divided by D")


def main():
    torch.manual_seed(0)
    qwen35()
    olmo()
    kimi()
    granite()
    mamba2()
    minimax()
