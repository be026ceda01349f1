# A training step of trainbench in PyTorch: the same model, weights, batch, objective
# and optimizer.
#   python -c torch.py '{"contestant": "torch:eager", ...}'
# Prints a line of JSON after a first step, and then one for a step per line of input.
#
# eager, sdpa and compile differ in the teacher's attention, written out or
# scaled_dot_product_attention, and in what is compiled; compile has the fused AdamW.
# Linear attention is masked and quadratic, as LoLCATs trains it, or in blocks with the
# sum of those before; -form says which.
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

case = json.loads(sys.argv[1])
kind = case["contestant"].split(":")[1]
model, step, tokens, batch = case["model"], case["step"], case["tokens"], case["batch"]
heads, kv, dim = model["heads"], model["kv_heads"], model["head_dim"]
layers, eps, device = model["layers"], 1e-5, case["device"]
torch.set_num_threads(case["threads"])


def load(path):
    """The tensors of a safetensors file, all float32, on the device."""
    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = bytearray(f.read())
    out = {}
    for name, t in header.items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            host = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin)
            out[name] = host.view(t["shape"]).to(device)
    return out


teacher = load(case["weights"])
trained = {}
for name, value in teacher.items():
    mine = "mixer." in name or any(f"self_attn.{p}_proj" in name for p in "qkv")
    if step == "kl" or mine:
        trained[name] = value.clone().requires_grad_()
student = {**teacher, **trained}

frequency = 10000 ** (-torch.arange(0, dim, 2, device=device) / dim)
angle = torch.outer(torch.arange(tokens, device=device), frequency).repeat(1, 2)
cos, sin = angle.cos(), angle.sin()
causal = torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril()
chunk = 64
within = torch.ones(chunk, chunk, device=device).tril()


def rotate(x):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def qkv(w, at, h):
    q, k, v = (F.linear(h, w[f"{at}.self_attn.{p}_proj.weight"]).view(batch, tokens, -1, dim).transpose(1, 2) for p in "qkv")
    return rotate(q), rotate(k), v


def repeat(x):
    return x[:, :, None].expand(-1, -1, heads // kv, -1, -1).reshape(batch, heads, tokens, dim)


def joined(y):
    return y.transpose(1, 2).reshape(batch, tokens, heads * dim)


def softmax(w, at, h):
    q, k, v = qkv(w, at, h)
    if kind != "eager":
        return joined(F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))
    k, v = repeat(k), repeat(v)
    scores = (q @ k.transpose(-1, -2) * dim**-0.5).masked_fill(~causal, float("-inf"))
    return joined(scores.softmax(-1) @ v)


def features(w, at, which, x):
    z = torch.einsum("bhtd,hdf->bhtf", x, w[f"{at}.self_attn.mixer.feature_map_{which}.weight"])
    return torch.cat([z.softmax(-1), (-z).softmax(-1)], -1).clamp(min=1e-12)


def hedgehog(w, at, h):
    q, k, v = qkv(w, at, h)
    q, k, v = features(w, at, "q", q), features(w, at, "k", repeat(k)), repeat(v)
    if case["form"] == "quadratic":
        a = (q @ k.transpose(-1, -2)).masked_fill(~causal, 0)
        return joined((a / (a.sum(-1, keepdim=True) + 1e-12)) @ v)
    q, k, v = (x.view(batch, heads, tokens // chunk, chunk, -1) for x in (q, k, F.pad(v, (0, 1), value=1.0)))
    states = k.transpose(-1, -2) @ v
    sums = q @ (states.cumsum(2) - states) + (q @ k.transpose(-1, -2) * within) @ v
    y = sums[..., :dim] / (sums[..., dim:] + 1e-12)
    return joined(y.reshape(batch, heads, tokens, dim))


def norm(w, name, x):
    return F.rms_norm(x, x.shape[-1:], w[name + ".weight"], eps)


def after(w, at, x, mixed):
    x = x + F.linear(mixed, w[f"{at}.self_attn.o_proj.weight"])
    h = norm(w, f"{at}.post_attention_layernorm", x)
    gate, up = (F.linear(h, w[f"{at}.mlp.{p}_proj.weight"]) for p in ("gate", "up"))
    return x + F.linear(F.silu(gate) * up, w[f"{at}.mlp.down_proj.weight"])


def logits(w, mixer, ids):
    x = F.embedding(ids, w["model.embed_tokens.weight"])
    for i in range(layers):
        at = f"model.layers.{i}"
        x = after(w, at, x, mixer(w, at, norm(w, f"{at}.input_layernorm", x)))
    return F.linear(norm(w, "model.norm", x), w["model.embed_tokens.weight"])


def align(ids):
    """The mean over layers of the distance of the mixers' heads, both fed by the teacher."""
    x, loss = F.embedding(ids, teacher["model.embed_tokens.weight"]), 0.0
    for i in range(layers):
        at = f"model.layers.{i}"
        with torch.no_grad():
            h = norm(teacher, f"{at}.input_layernorm", x)
            want = softmax(teacher, at, h)
            if i < layers - 1:
                x = after(teacher, at, x, want)
        loss = loss + F.mse_loss(hedgehog(student, at, h), want) / layers
    return loss


def distil(ids):
    """KL(teacher ‖ student), its mean over tokens."""
    with torch.no_grad():
        want = logits(teacher, softmax, ids).log_softmax(-1)
    got = logits(student, hedgehog, ids).log_softmax(-1)
    return F.kl_div(got, want, reduction="none", log_target=True).sum(-1).mean()


objective = align if step == "align" else distil
if kind == "compile":
    objective = torch.compile(objective)
optimizer = torch.optim.AdamW(
    trained.values(), lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0, fused=True if kind == "compile" else None
)
ids = (torch.arange(batch * tokens, device=device) * 7919 % model["vocab"]).view(batch, tokens)


def once():
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    loss = objective(ids)
    loss.backward()
    length = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    result = {"loss": loss.item(), "norm": length.item(), "seconds": time.perf_counter() - began}
    now = resource.getrusage(resource.RUSAGE_SELF)
    result["processor"] = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(json.dumps(result), flush=True)


def matmul(size=1024):
    """FLOP/s of the fastest of 20 products."""
    x, best = torch.randn(size, size, device=device), 1e9
    for _ in range(20):
        began = time.perf_counter()
        (x @ x)[0, 0].item()  # which waits for a GPU
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


once()
for line in sys.stdin:
    if line.strip() == "matmul":
        print(json.dumps({"flops": matmul()}), flush=True)
    else:
        once()
