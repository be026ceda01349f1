"""Witnesses of whole layers from flash-linear-attention. Its classes run here with
their Triton calls replaced by fla's own plain-torch references, and what has none by
torch's module of the same meaning: everything else is the class as published.
"""

import warnings

import torch
import torch.nn.functional as F
from torch import nn

warnings.filterwarnings("ignore")

from fla.layers import delta_net, gated_deltanet, gla, kda, linear_attn, mom, multiscale_retention, rwkv7
from fla.modules import FusedRMSNormGated, RMSNorm, ShortConvolution
from fla.modules.feature_map import T2RFeatureMap
from fla.modules.norm.layernorm import rms_norm_ref
from fla.modules.rotary import RotaryEmbedding
from fla.modules.rotary.ops import rotary_embedding_ref
from fla.modules.token_shift import token_shift_ref
from fla.ops.delta_rule.naive import delta_rule_recurrence
from fla.ops.gated_delta_rule.gate import naive_gdn_gate
from fla.ops.gated_delta_rule.naive import naive_recurrent_gated_delta_rule
from fla.ops.generalized_delta_rule.dplr.naive import dplr_recurrence
from fla.ops.gla.naive import naive_recurrent_gla
from fla.ops.kda.gate import naive_kda_gate
from fla.ops.kda.naive import naive_recurrent_kda
from fla.ops.linear_attn.naive import naive_recurrent_linear_attn
from fla.ops.retention.naive import naive_retention
from fla.ops.rwkv7.fused_addcmul import torch_addcmul_rwkv7
from fla.ops.rwkv7.fused_k_update import k_update_ref
from fla.ops.rwkv7.gate_output_correction import gate_output_correction_ref

from witness import BATCH, TOKENS, before, draw, layer, randomise

SOURCE = "flash-linear-attention==0.6.0 fla.layers."
HEADS, DIM = 4, 6
HIDDEN = WIDTH = HEADS * DIM

states = []  # what the last recurrence left, [B, H, K, V]


def swap(*all):
    return [u.transpose(1, 2) for u in all]


def kept(o, state):
    states.append(state)
    return o, None


def l2(u):  # fla.modules.norm.l2norm, whose kernel has this eps
    return u / torch.sqrt(u.square().sum(-1, keepdim=True) + 1e-6)


def run_gla(q, k, v, gk, **_):
    return kept(*naive_recurrent_gla(q, k, v, gk, output_final_state=True))


def run_delta(q, k, v, beta, use_qk_l2norm_in_kernel, **_):
    q, k = (l2(q), l2(k)) if use_qk_l2norm_in_kernel else (q, k)
    o, state = delta_rule_recurrence(*swap(q, k, v, beta))
    return kept(o.transpose(1, 2), state)


def run_gated_delta(q, k, v, g, beta, A_log, dt_bias, allow_neg_eigval, **_):
    beta = beta.sigmoid() * (2 if allow_neg_eigval else 1)
    return kept(*naive_recurrent_gated_delta_rule(l2(q), l2(k), v, beta, naive_gdn_gate(g, A_log, dt_bias),
                                                  output_final_state=True))


def run_kda(q, k, v, g, beta, A_log, dt_bias, allow_neg_eigval, **_):
    beta = beta.sigmoid() * (2 if allow_neg_eigval else 1)
    return kept(*naive_recurrent_kda(l2(q), l2(k), v, naive_kda_gate(g, A_log, dt_bias), beta, output_final_state=True))


def run_retention(q, k, v, **_):
    return naive_retention(*swap(q, k, v)).transpose(1, 2), None


def run_linear(q, k, v, normalize, **_):
    o, state = naive_recurrent_linear_attn(q, k, v, normalize=normalize, output_final_state=True)
    return kept(o, state)


def run_rwkv7(r, w, k, v, kk, a, scale=1.0, **_):
    o, state = dplr_recurrence(*swap(r * scale * r.shape[-1] ** 0.5, k, v, -kk, kk * a, w))
    return kept(o.transpose(1, 2), state)


def one_by_one(run, x, cu_seqlens):
    """Runs the sequences that lie behind each other in a batch of one."""
    if cu_seqlens is None:
        return [run(x)]
    ends = cu_seqlens.tolist()
    return [run([u[:, i:j] for u in x]) for i, j in zip(ends, ends[1:])]


def run_mom(q, k, v, g, beta, cu_seqlens=None, **_):
    run = lambda x: naive_recurrent_gated_delta_rule(*x, output_final_state=True)
    all = one_by_one(run, [l2(q), l2(k), v, beta, g], cu_seqlens)
    return kept(torch.cat([o for o, _ in all], 1), torch.cat([state for _, state in all]))


def shim():
    """Puts the references where the layers call Triton."""
    def convolve(self, x, cu_seqlens=None, **_):
        causal = lambda x: nn.Conv1d.forward(self, x[0].transpose(1, 2))[..., : x[0].shape[1]].transpose(1, 2)
        y = torch.cat(one_by_one(causal, [x], cu_seqlens), 1)
        return (F.silu(y) if self.activation else y), None

    def gated(self, x, g, **_):
        act = torch.sigmoid if self.activation == "sigmoid" else F.silu
        return rms_norm_ref(x, self.weight, self.bias, eps=self.eps) * act(g)

    def rotate(self, q, k, **_):
        self._update_cos_sin_cache(q.shape[1], device=q.device, dtype=q.dtype)
        cos, sin = self._cos_cached[: q.shape[1]], self._sin_cached[: q.shape[1]]
        return rotary_embedding_ref(q, cos, sin), rotary_embedding_ref(k, cos, sin)

    ShortConvolution.forward = convolve
    FusedRMSNormGated.forward = gated
    RMSNorm.forward = lambda self, x, **_: rms_norm_ref(x, self.weight, self.bias, eps=self.eps)
    RotaryEmbedding.forward = rotate
    gla.fused_recurrent_gla = run_gla
    delta_net.fused_recurrent_delta_rule = run_delta
    gated_deltanet.fused_recurrent_gated_delta_rule = run_gated_delta
    gated_deltanet.GatedDeltaNet._use_fused_qkv_conv = lambda *_, **__: False
    kda.fused_recurrent_kda = run_kda
    mom.fused_recurrent_gated_delta_rule = run_mom
    multiscale_retention.fused_recurrent_retention = run_retention
    linear_attn.fused_recurrent_linear_attn = run_linear
    rwkv7.token_shift = lambda x, *_, **__: (token_shift_ref(x), None)
    rwkv7.fused_addcmul_rwkv7 = torch_addcmul_rwkv7
    rwkv7.fused_k_rwkv7 = k_update_ref
    rwkv7.gate_output_correction = gate_output_correction_ref
    rwkv7.fused_mul_recurrent_rwkv7 = run_rwkv7


def sizes(kv_heads=HEADS, eps=1e-5):
    return {"hidden": HIDDEN, "heads": HEADS, "kv_heads": kv_heads, "head_dim": DIM, "rope_theta": 10000.0, "rope_dim": DIM,
            "norm_eps": eps, "qkv_bias": False}


def write(name, spec, model, net, weights, note="", memory=lambda states: states[-1]):
    """Runs a layer and writes it; weights maps our names to the class's tensors."""
    x = draw(len(name), BATCH, TOKENS, HIDDEN)
    states.clear()
    _, heads = before(net.o_proj, lambda: net(x))
    state = {"memory": memory(states)} if states and isinstance(states[-1], torch.Tensor) else {}
    qkv = {f"{p}_proj.weight": getattr(net, f"{p}_proj").weight for p in "qkv" if hasattr(net, f"{p}_proj")}
    layer(name, spec, model, SOURCE + type(net).__name__, qkv | weights, x, heads, state, note)


def convolutions(net):
    parts = [net.v_conv1d, net.k_conv1d, net.q_conv1d]
    tensors = {"mixer.conv1d.weight": torch.cat([p.weight for p in parts])}
    if net.q_conv1d.bias is not None:
        tensors["mixer.conv1d.bias"] = torch.cat([p.bias for p in parts])
    return tensors


def heads_of(weight, groups):
    """Repeats the rows of each group of key heads, [G·D, ...], for its query heads."""
    return weight.unflatten(0, (groups, DIM)).repeat_interleave(HEADS // groups, 0).flatten(0, 1)


def gla_layers():
    rank = 5
    net = randomise(gla.GatedLinearAttention(hidden_size=HIDDEN, expand_k=1, num_heads=HEADS, num_kv_heads=2,
                                             gate_low_rank_dim=rank), 11)
    write("gla-fla", f"gla,decay_from=input,decay_rank={rank},activation=none,window=0,norm=before,gate=silu", sizes(2), net,
          {"mixer.gk_proj.0.weight": net.gk_proj[0].weight, "mixer.gk_proj.1.weight": heads_of(net.gk_proj[1].weight, 2),
           "mixer.gk_proj.1.bias": heads_of(net.gk_proj[1].bias, 2), "mixer.g_proj.weight": net.g_proj.weight,
           "mixer.norm.weight": net.g_norm_swish_gate.weight}, "the class has one gate for the query heads of a group")


def delta_layers():
    for name, gate, negative in (("delta-fla", False, False), ("delta-fla-negative", True, True)):
        net = randomise(delta_net.DeltaNet(hidden_size=HIDDEN, num_heads=HEADS, use_gate=gate, allow_neg_eigval=negative), 12)
        weights = {"mixer.b_proj.weight": net.b_proj.weight, "mixer.norm.weight": net.o_norm.weight} | convolutions(net)
        if gate:
            weights["mixer.g_proj.weight"] = net.g_proj.weight
        write(name, "delta,conv=4,qk_norm=l2,norm=before" + (",allow_neg_eigval,gate=silu" if gate else ""), sizes(), net, weights)


def gated_delta_layers():
    net = randomise(gated_deltanet.GatedDeltaNet(hidden_size=HIDDEN, head_dim=DIM, num_heads=HEADS, expand_v=1, conv_bias=True,
                                                 allow_neg_eigval=True, conv_size=3), 13)
    write("gated-delta-fla", "gated-delta,allow_neg_eigval,conv=3,conv_bias,qk_norm=l2,norm=before,gate=silu", sizes(), net,
          {"mixer.A_log": net.A_log, "mixer.dt_bias": net.dt_bias, "mixer.a_proj.weight": net.a_proj.weight,
           "mixer.b_proj.weight": net.b_proj.weight, "mixer.g_proj.weight": net.g_proj.weight,
           "mixer.norm.weight": net.o_norm.weight} | convolutions(net))

    net = randomise(kda.KimiDeltaAttention(hidden_size=HIDDEN, head_dim=DIM, num_heads=HEADS, allow_neg_eigval=True), 14)
    net.g_proj[1].bias.zero_()
    spec = f"gated-delta,decay=channel,allow_neg_eigval,conv=4,qk_norm=l2,norm=before,gate=sigmoid,gate_rank={DIM}"
    write("gated-delta-kda", spec, sizes(), net,
          {"mixer.A_log": net.A_log, "mixer.dt_bias": net.dt_bias, "mixer.a_proj.0.weight": net.f_proj[0].weight,
           "mixer.a_proj.1.weight": net.f_proj[1].weight, "mixer.b_proj.weight": net.b_proj.weight,
           "mixer.g_proj.0.weight": net.g_proj[0].weight, "mixer.g_proj.1.weight": net.g_proj[1].weight,
           "mixer.norm.weight": net.o_norm.weight} | convolutions(net), "the bias of the class's gate, which ours has not, is 0")


def lightning_layers():
    net = randomise(multiscale_retention.MultiScaleRetention(hidden_size=HIDDEN, expand_v=1, num_heads=HEADS, num_kv_heads=2), 15)
    write("lightning-retnet", "lightning,decay=retnet,rope,norm=before,gate=silu", sizes(2), net,
          {"mixer.g_proj.weight": net.g_proj.weight, "mixer.norm.weight": net.g_norm_swish_gate.weight})


def hedgehog_layers():
    """fla's own hedgehog map is one softmax over both signs, not LoLCATs's two, and
    cannot be said in ours; its T2R and elu maps can."""
    features = 10
    for kind in ("t2r", "elu"):
        net = linear_attn.LinearAttention(hidden_size=HIDDEN, num_heads=HEADS, num_kv_heads=2, feature_map=kind,
                                          output_norm="identity", do_feature_map_norm=True)
        if kind == "t2r":
            net.feature_map_q, net.feature_map_k = (T2RFeatureMap(DIM, features, bias=True) for _ in "qk")
        randomise(net, 16)
        tensors, spec = {}, "hedgehog,feature_map=elu"
        for p in "qk":
            if kind == "elu":
                tensors[f"mixer.feature_map_{p}.weight"] = torch.eye(DIM).expand(HEADS, DIM, DIM)
                continue
            spec = f"hedgehog,feature_map=relu,map_bias,feature_dim={features}"
            linear = getattr(net, f"feature_map_{p}").layer
            linear.bias.abs_()  # fla gives 0 for a query without features, LoLCATs a mean of the values
            tensors[f"mixer.feature_map_{p}.weight"] = linear.weight.T.expand(HEADS, DIM, features)
            tensors[f"mixer.feature_map_{p}.bias"] = linear.bias.expand(HEADS, features)
        write("hedgehog-" + kind, spec, sizes(2), net, tensors, "maps alike for all heads; no window")


def rwkv7_layers():
    rank = 5
    net = randomise(rwkv7.RWKV7Attention(hidden_size=HIDDEN, head_dim=DIM, decay_low_rank_dim=rank, a_low_rank_dim=rank,
                                         gate_low_rank_dim=rank, layer_idx=0, num_hidden_layers=2), 17)
    for p in (net.x_r, net.x_w, net.x_k, net.x_v, net.x_a, net.x_g):
        p.zero_()  # no token shift
    net.g_norm = nn.Identity()
    net.g_lora = nn.Module()
    net.g_lora.forward = lambda u: torch.ones_like(u)
    weights = {"q_proj.weight": net.r_proj.weight * DIM**0.5, "mixer.k_k": net.k_k, "mixer.k_a": net.k_a,
               "mixer.r_k": net.r_k.flatten() / DIM**0.5}
    for ours, lora in (("w_proj", net.w_lora), ("a_proj", net.a_lora)):
        weights |= {f"mixer.{ours}.0.weight": lora.lora[0].weight, f"mixer.{ours}.1.weight": lora.lora[2].weight,
                    f"mixer.{ours}.1.bias": lora.lora[2].bias}
    write("rwkv7-fla", f"rwkv7,balance=false,bonus,rank={rank}", sizes(), net, weights,
          "first layer, without token shift, GroupNorm and gate, which ours has not; the class does not scale its queries")


def mom_layers():
    # The class sorts tokens by their memory with torch's argsort, which may reorder those
    # of one memory, and on a CPU does: the recurrence would run out of order.
    argsort = torch.Tensor.argsort
    torch.Tensor.argsort = lambda self: argsort(self, stable=True)
    for name, top, shared in (("mom-fla", 2, True), ("mom-fla-one", 1, False)):
        count = 3
        net = randomise(mom.MomAttention(hidden_size=HIDDEN, head_dim=DIM, num_heads=HEADS, expand_v=1, num_memories=count,
                                         topk=top, shared_mem=shared, single_kv_proj=True, conv_size=1), 18)
        write(name, f"mom,memories={count},top_k={top},shared={str(shared).lower()},conv=1,qk_norm=l2,norm=before,gate=silu",
              sizes(), net,
              {"k_proj.weight": net.shared_k.weight, "v_proj.weight": net.shared_v.weight, "mixer.router.weight": net.gate.weight,
               "mixer.A_log": net.A_log, "mixer.dt_bias": net.dt_bias, "mixer.a_proj.weight": net.shared_a.weight,
               "mixer.b_proj.weight": net.shared_b.weight, "mixer.g_proj.weight": net.g_proj.weight,
               "mixer.norm.weight": net.o_norm.weight} | convolutions(net),
              "one projection for all memories; a convolution of width 1, for the class's sees the tokens of a memory only",
              lambda states: torch.cat([s.unflatten(0, (-1, BATCH)) for s in states]).transpose(0, 1))
    torch.Tensor.argsort = argsort


def main():
    torch.manual_seed(0)
    shim()
    gla_layers()
    delta_layers()
    gated_delta_layers()
    lightning_layers()
    hedgehog_layers()
    rwkv7_layers()
    mom_layers()
