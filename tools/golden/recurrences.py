"""Witnesses of the recurrences alone: fla's own plain-torch references, and those
of transformers, called with random inputs and a state before the first token.

Queries are stored as the recurrence sees them, that is scaled by K^-1/2 where the
reference scales.
"""

import torch
import torch.nn.functional as F
from fla.ops.delta_rule.naive import delta_rule_recurrence
from fla.ops.gated_delta_rule.naive import naive_recurrent_gated_delta_rule
from fla.ops.generalized_delta_rule.dplr.naive import dplr_recurrence
from fla.ops.generalized_delta_rule.iplr.naive import iplr_recurrence
from fla.ops.gla.naive import naive_recurrent_gla
from fla.ops.kda.naive import naive_recurrent_kda
from fla.ops.linear_attn.naive import naive_recurrent_linear_attn
from fla.ops.retention.naive import naive_retention
from fla.ops.simple_gla.naive import naive_recurrent_simple_gla

from witness import BATCH, TOKENS, draw, kernel, torch_only

H, K, V = 3, 6, 5
FLA, HF = "flash-linear-attention==0.6.0 ", "transformers==5.23.0 "


def inputs(seed):
    """q, k, v, a state, and K^-1/2: heads before time."""
    q, k = draw(seed, BATCH, H, TOKENS, K), draw(seed + 1, BATCH, H, TOKENS, K)
    v, first = draw(seed + 2, BATCH, H, TOKENS, V), draw(seed + 3, BATCH, H, K, V)
    return q, k, v, first, K**-0.5


def swap(*all):
    """[B, H, T, ·] for [B, T, H, ·] and back."""
    return [t.transpose(1, 2) for t in all]


def additive():
    q, k, v, first, scale = inputs(100)
    log = F.logsigmoid(draw(104, BATCH, H, TOKENS, K)) / 16
    o, after = naive_recurrent_gla(*swap(q, k, v, log), initial_state=first, output_final_state=True)
    kernel("gla", "additive", FLA + "fla.ops.gla.naive.naive_recurrent_gla", q=q * scale, k=k, v=v,
           log_decay=log, first=first, o=o.transpose(1, 2), after=after)

    log = 3 * F.logsigmoid(draw(105, BATCH, H, TOKENS, K))
    o, after = naive_recurrent_gla(*swap(q, k, v, log), initial_state=first, output_final_state=True)
    kernel("gla-strong", "additive", FLA + "fla.ops.gla.naive.naive_recurrent_gla", "decays of e^-2 and less on average",
           q=q * scale, k=k, v=v, log_decay=log, first=first, o=o.transpose(1, 2), after=after)

    log = F.logsigmoid(draw(106, BATCH, H, TOKENS))
    o, after = naive_recurrent_simple_gla(*swap(q, k, v, log), initial_state=first)
    kernel("simple-gla", "additive", FLA + "fla.ops.simple_gla.naive.naive_recurrent_simple_gla", q=q * scale, k=k, v=v,
           log_decay=log[..., None], first=first, o=o.transpose(1, 2), after=after)

    heads = torch.arange(H, dtype=torch.float32)
    log = torch.log(1 - 2.0 ** (-5 - heads)).view(1, H, 1, 1).expand(BATCH, H, TOKENS, 1)
    kernel("retention", "additive", FLA + "fla.ops.retention.naive.naive_retention", "its quadratic form; it has no state",
           q=q * scale, k=k, v=v, log_decay=log, o=naive_retention(q, k, v))

    o, after = naive_recurrent_linear_attn(*swap(q, k, v), initial_state=first, output_final_state=True)
    kernel("linear", "additive", FLA + "fla.ops.linear_attn.naive.naive_recurrent_linear_attn", q=q * scale, k=k, v=v,
           first=first, o=o.transpose(1, 2), after=after)


def delta():
    q, k, v, first, scale = inputs(200)
    k = F.normalize(k, dim=-1)
    beta = draw(204, BATCH, H, TOKENS).sigmoid()
    for name, b in {"delta": beta, "delta-negative": 2 * beta}.items():
        o, after = delta_rule_recurrence(q, k, v, b, initial_state=first)
        kernel(name, "delta", FLA + "fla.ops.delta_rule.naive.delta_rule_recurrence", q=q * scale, k=k, v=v,
               beta=b[..., None], first=first, o=o, after=after)

    log = F.logsigmoid(draw(205, BATCH, H, TOKENS))
    o, after = naive_recurrent_gated_delta_rule(*swap(q, k, v, beta, log), initial_state=first, output_final_state=True)
    kernel("gated-delta", "delta", FLA + "fla.ops.gated_delta_rule.naive.naive_recurrent_gated_delta_rule", q=q * scale,
           k=k, v=v, beta=beta[..., None], log_decay=log[..., None], first=first, o=o.transpose(1, 2), after=after)

    o, after = torch_only("qwen3_5").torch_recurrent_gated_delta_rule(
        *swap(q, k, v), g=log.transpose(1, 2), beta=2 * beta.transpose(1, 2), initial_state=first, output_final_state=True)
    kernel("gated-delta-negative", "delta", HF + "qwen3_5.torch_recurrent_gated_delta_rule", q=q * scale, k=k, v=v,
           beta=2 * beta[..., None], log_decay=log[..., None], first=first, o=o.transpose(1, 2), after=after)

    log = F.logsigmoid(draw(206, BATCH, H, TOKENS, K))
    o, after = naive_recurrent_kda(*swap(q, k, v, log, beta), initial_state=first, output_final_state=True)
    kernel("kda", "delta", FLA + "fla.ops.kda.naive.naive_recurrent_kda", q=q * scale, k=k, v=v, beta=beta[..., None],
           log_decay=log, first=first, o=o.transpose(1, 2), after=after)

    o, after = torch_only("kimi_linear").recurrent_kimi_delta_attention(
        *swap(q, k, v, log, 2 * beta), initial_state=first, output_final_state=True)
    kernel("kda-negative", "delta", HF + "kimi_linear.recurrent_kimi_delta_attention", q=q * scale, k=k, v=v,
           beta=2 * beta[..., None], log_decay=log, first=first, o=o.transpose(1, 2), after=after)


def general():
    q, k, v, first, scale = inputs(300)
    kk = F.normalize(draw(304, BATCH, H, TOKENS, K), dim=-1)
    a = draw(305, BATCH, H, TOKENS, K).sigmoid()
    log = -0.6065306597126334 * draw(306, BATCH, H, TOKENS, K).sigmoid()
    o, after = dplr_recurrence(q, k, v, -kk, kk * a, log, initial_state=first)
    kernel("rwkv7", "general", FLA + "fla.ops.generalized_delta_rule.dplr.naive.dplr_recurrence",
           "what fla.ops.rwkv7 calls, with a = -kk and b = kk*a", q=q * scale, k=k, v=v, log_decay=log, remove=-kk,
           write=kk * a, first=first, o=o, after=after)

    o, after = iplr_recurrence(q, k, v, -kk, kk * a, initial_state=first)
    kernel("iplr", "general", FLA + "fla.ops.generalized_delta_rule.iplr.naive.iplr_recurrence", "nothing decays",
           q=q * scale, k=k, v=v, remove=-kk, write=kk * a, first=first, o=o, after=after)


def main():
    torch.manual_seed(0)
    additive()
    delta()
    general()
