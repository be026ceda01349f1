# What mixbench.Kernel measures, in eager PyTorch: one recurrence in blocks, forward
# and backward, the state carried from block to block by a loop.
#   python kernels.py KERNEL TOKENS HEADS DIM CHUNK    prints {"seconds": [...]}
import json
import sys
import time

import torch

kernel, tokens, heads, dim, chunk = sys.argv[1], *map(int, sys.argv[2:])
torch.manual_seed(0)
torch.set_num_threads(2)
blocks = tokens // chunk


def parameter(*shape, form=lambda v: v):
    return form(torch.randn(heads, tokens, *shape)).requires_grad_()


def logarithm(v):
    return -v.abs() / 10


scale = dim**-0.5
q, k, v = (parameter(dim, form=lambda x: x * scale) for _ in range(3))
inputs = [q, k, v]
decay = beta = None
if kernel in ("decay", "gated-delta"):
    decay = parameter(1, form=logarithm)
if kernel in ("channel", "kda"):
    decay = parameter(dim, form=logarithm)
if kernel in ("delta", "gated-delta", "kda"):
    beta = parameter(1, form=logarithm)
inputs += [x for x in (decay, beta) if x is not None]
lower = torch.ones(chunk, chunk).tril()
strict = torch.ones(chunk, chunk).tril(-1)
eye = torch.eye(chunk)


def cut(x):
    return x.view(heads, blocks, chunk, -1)


def scores(a, b, total):
    """a_i·b_j with the decay between j and i, above the diagonal anything."""
    if total is None:
        return a @ b.transpose(-1, -2)
    if total.shape[-1] == 1:
        gap = (total - total.transpose(-1, -2)).masked_fill(lower == 0, -1e9)
        return (a @ b.transpose(-1, -2)) * gap.exp()
    # A reference in the middle of the block keeps both factors in range.
    middle = total[..., chunk // 2 : chunk // 2 + 1, :]
    return (a * (total - middle).exp()) @ (b * (middle - total).exp()).transpose(-1, -2)


def forward():
    Q, K, V = cut(q), cut(k) * scale, cut(v)
    total = cut(decay).cumsum(2) if decay is not None else None
    carry = total.exp() if total is not None else 1.0
    last = total[:, :, -1:] if total is not None else None
    left = (last - total).exp() if total is not None else 1.0
    within = scores(Q, K, total) * lower
    if beta is not None:
        B = cut(beta).exp()
        inverse = torch.linalg.solve_triangular(eye + B * scores(K, K, total) * strict, eye.expand(heads, blocks, chunk, chunk), upper=False, unitriangular=True)
        U, W = inverse @ (B * V), inverse @ (B * K * carry)
    reads, writes = Q * carry, K * left
    # Taken apart once: slicing block by block has a gradient of whole tensors each.
    parts = [reads, writes, within] + ([V] if beta is None else [U, W]) + ([last.exp()] if last is not None else [])
    state, outs = torch.zeros(heads, dim, dim), []
    for read, write, near, *rest in zip(*(p.unbind(1) for p in parts)):
        u = rest[0] if beta is None else rest[0] - rest[1] @ state
        outs.append(read @ state + near @ u)
        written = write.transpose(-1, -2) @ u
        state = written + (state if last is None else rest[-1].transpose(-1, -2) * state)
    return torch.stack(outs, 1)


def once():
    start = time.perf_counter()
    forward().square().sum().backward()
    for x in inputs:
        x.grad = None
    return time.perf_counter() - start


once()
seconds = []
while len(seconds) < 2 or sum(seconds) < 1:
    seconds.append(once())
print(json.dumps({"seconds": seconds}))
