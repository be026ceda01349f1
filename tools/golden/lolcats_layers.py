"""Witnesses of hedgehog from the functions that LoLCATs released. They are in no
package: LOLCATS names a checkout of github.com/HazyResearch/lolcats, and without it
the files stay as they are.

The committed files were not made from a checkout, GitHub being out of reach: the
functions were retyped, without their comments, from stored versions of three files
(VERSIONS), which need not be those of the newest commit. That is weaker evidence than
the other witnesses are: a slip in retyping could hide one of ours. Run it on a real
checkout when there is one, and change SOURCE.
"""

import ast
import importlib.util
import math
import os
import pathlib

import torch

from witness import BATCH, TOKENS, draw, layer, torch_only

VERSIONS = {"sw": "1c9fea8", "tk": "02f198d", "feature_map": "4b003f6"}
SOURCE = "retyped from HazyResearch/lolcats, not run from a checkout: "
HIDDEN, HEADS, GROUPS, DIM, FEATURES = 20, 4, 2, 6, 5


def functions(path, *names):
    """The named functions of a file, without what else it imports."""
    tree = ast.parse(path.read_text())
    tree.body = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name in names]
    space = {"torch": torch, "math": math}
    exec(compile(tree, str(path), "exec"), space)
    return [space[name] for name in names]


def main():
    if not os.environ.get("LOLCATS"):
        print("LOLCATS names no checkout of lolcats: the witnesses of hedgehog stay")
        return
    root = pathlib.Path(os.environ["LOLCATS"]) / "src/model"
    spec = importlib.util.spec_from_file_location("feature_map", root / "feature_map.py")
    maps = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maps)

    llama = torch_only("llama")
    config = llama.LlamaConfig(hidden_size=HIDDEN, num_attention_heads=HEADS, num_key_value_heads=GROUPS, head_dim=DIM,
                               rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    x = draw(61, BATCH, TOKENS, HIDDEN)
    turns = llama.LlamaRotaryEmbedding(config)(x, torch.arange(TOKENS)[None])
    proj = {p: draw(62 + i, n * DIM, HIDDEN) / HIDDEN**0.5 for i, (p, n) in enumerate([("q", HEADS), ("k", GROUPS), ("v", GROUPS)])}
    q, k, v = ((x @ proj[p].T).unflatten(-1, (-1, DIM)).transpose(1, 2) for p in "qkv")
    q, k = llama.apply_rotary_pos_emb(q, k, *turns)
    k, v = (u.repeat_interleave(HEADS // GROUPS, 1) for u in (k, v))
    factors = draw(65, HEADS)
    model = {"hidden": HIDDEN, "heads": HEADS, "kv_heads": GROUPS, "head_dim": DIM, "rope_theta": 10000.0, "rope_dim": DIM,
             "norm_eps": 1e-6, "qkv_bias": False}

    def run(name, options, arrangement, window, activation="softmax_dim", full=True, bias=False, affine=False):
        learnt = {}
        features = []
        for i, (p, u) in enumerate((("q", q), ("k", k))):
            mlp = maps.FeatureMapMLP(HEADS, DIM, FEATURES, torch.float32, "cpu", bias=bias)
            mlp.layer.copy_(draw(66 + i, HEADS, DIM, FEATURES) / DIM**0.5)
            learnt[f"mixer.feature_map_{p}.weight"] = mlp.layer
            if bias:
                mlp.bias.copy_(draw(68 + i, 1, HEADS, 1, 1))
                learnt[f"mixer.feature_map_{p}.bias"] = mlp.bias.view(HEADS, 1).expand(HEADS, FEATURES)
            features.append(maps.FeatureMap(activation, mlp=mlp, fullspace=full)(u))
        _, attend = functions(root / f"linear_attention/linear_window_attention_{arrangement}.py",
                              "get_masks", "hybrid_attention_quadratic")
        gamma = factors.view(1, HEADS, 1, 1).sigmoid()
        y, _ = attend(q, k, *features, v, gamma, 1 - gamma if affine else 1, window_size=window)
        weights = {f"{p}_proj.weight": w for p, w in proj.items()} | learnt | {"mixer.window_factors": factors}
        layer(name, f"hedgehog,rope,feature_dim={FEATURES},window={window}" + options, model,
              SOURCE + f"hybrid_attention_quadratic of linear_window_attention_{arrangement}.py@{VERSIONS[arrangement]}, "
              f"feature_map.py@{VERSIONS['feature_map']}", weights, x,
              y.transpose(1, 2).flatten(2), form="training" if arrangement == "tk" else "",
              note="projections and rotation are transformers' Llama")

    run("hedgehog-sliding", "", "sw", 7)
    run("hedgehog-affine", ",affine,feature_map=exp", "sw", 7, "exp_dim", affine=True)
    run("hedgehog-half", ",negated=false,map_bias", "sw", 7, full=False, bias=True)
    run("hedgehog-relu", ",feature_map=relu", "sw", 7, "relu")
    run("hedgehog-terrace", ",terrace", "tk", 8)
    run("hedgehog-terrace-short", ",terrace,short_overlap", "tk", 40)
