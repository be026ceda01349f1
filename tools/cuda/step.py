"""The training step of BenchmarkStep in PyTorch: eager attention, SDPA, torch.compile.

A Llama of 135 million parameters (hidden 576, 30 layers, 9 heads and 3 of keys and
values, vocabulary 49152, tied), 8 windows of 512 tokens, fp32 without TF32,
cross-entropy, gradients clipped to a norm of 1, AdamW over all tensors.
"""

import statistics
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

BATCH, TOKENS, STEPS = 8, 512, 20


def measure(name: str, attention: str, compiled: bool) -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True, attn_implementation=attention, use_cache=False,
    )).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0)
    forward = torch.compile(model) if compiled else model
    ids = torch.randint(0, 49152, (BATCH, TOKENS), device="cuda")
    targets = torch.randint(0, 49152, (BATCH, TOKENS), device="cuda")
    times = []
    for _ in range(STEPS + 3):
        torch.cuda.synchronize()
        began = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(forward(ids).logits.view(-1, 49152), targets.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        times.append(time.perf_counter() - began)
    middle = statistics.median(times[3:])
    print(f"torch {torch.__version__} {name}: {middle * 1e3:.1f} ms a step, {BATCH * TOKENS / middle:.0f} tokens/s, "
          f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB", flush=True)
    del model, optimizer
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    measure("eager", "eager", False)
    measure("sdpa", "sdpa", False)
    measure("compiled", "sdpa", True)
