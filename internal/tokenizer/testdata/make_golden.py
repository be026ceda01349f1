"""Writes golden.json: what Hugging Face's tokenizers does with small files that
use, one by one, the options that published vocabularies do not all show.

    pip install tokenizers==0.23.3 && python make_golden.py

A case is one of two base files with some of its keys replaced ("set", a dotted
path and its value). tokenizer_test.go builds the same files and compares.
"""

import copy
import json
import pathlib

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent


def byte_runes():
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    runes = {b: chr(b) for b in keep}
    for b in range(256):
        if b not in runes:
            runes[b] = chr(256 + len(runes) - len(keep))
    return runes


def bpe(tokens, merges, **more):
    vocab = {}
    for token in tokens + [a + b for a, b in merges]:
        vocab.setdefault(token, len(vocab))
    return {"type": "BPE", "vocab": vocab, "merges": [a + " " + b for a, b in merges], **more}


def pairs(text):
    return [tuple(pair.split("+")) for pair in text.split()]


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BARE = {**BYTE_LEVEL, "use_regex": False}

BASES = {
    "bytes": {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": BYTE_LEVEL, "post_processor": None, "decoder": BYTE_LEVEL,
        "model": bpe(
            sorted(byte_runes().values()),
            pairs("Ġ+t h+e Ġt+he i+n Ġ+a Ġ+Ġ ĠĠ+ĠĠ Ċ+ĉ '+s 1+2 12+3 Ã+© a+a aa+aa o+k t+ok e+n tok+en l+l ll+o he+llo w+o r+l rl+d wo+rld Ġ+world t+he"),
        ),
    },
    "marks": {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": bpe(
            ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + list("▁abcdefghiklmnorstuvwxyz.,'123é日"),
            pairs("▁+t h+e ▁t+he i+n ▁+a ▁+▁ ▁▁+▁▁ '+s 1+2 12+3 a+a aa+aa l+l ll+o he+llo w+o r+l rl+d wo+rld ▁+world o+k t+ok ▁+tok e+n tok+en"),
            unk_token="<unk>", byte_fallback=True, fuse_unk=True,
        ),
    },
}

TEXTS = [
    "", " ", "hello world", "  the token  in\n\tthe world's end 123 1234", "It'S 'TIS 'ſ we'LL", "caf\u00e9 cafe\u0301 日本語 🙂 x",
    "[W] a[W] [W]b [W][L]", "a [L]  [L]\t[L]b", "[R]  [R] \n b", "a [N] b[N]é", "x [B]  [B] y", "tok token tok_ tok", "aaaaaaa aaa",
    "\r\n\r\n  \n x\u00a0\u3000y\u2028z", "<s>hi</s> <unk>", "½ Ⅷ ٣٤ １２３", "fo[o b]a{r} :=  != // --\n\n", "\u1100\u1161\u11a8 \u0344\u0958 ﬁ Å",
    "e\u0323\u0301 e" + "\u0301\u0323" * 20 + "x", "▁▁ <0x41> ▁the", "日" * 3 + "本" * 2 + "x本 y", "éx e\u0301x hello World", "The THEHe hEllo",
    "\u00c5\u0302\u09be\u0301\u0316 fi\u09be\u0316\u0301 \u304ba\uff9e\u0301 \u09c7\u09be",
]


def added(first, **flags):
    rows = []
    for i, (content, on) in enumerate(flags.items()):
        row = {"id": first + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        row.update({flag: True for flag in on.split()})
        rows.append(row)
    return rows


TOKENS = {
    "[W]": "single_word", "[L]": "lstrip special", "[R]": "rstrip", "[N]": "normalized", "[B]": "lstrip rstrip",
    "tok": "single_word normalized", "[W][L]": "", "hello World": "normalized", "éx": "normalized",
}
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CODE = r"\s*\n\s*| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def special(name):
    return {"SpecialToken": {"id": name, "type_id": 0}}


A = {"Sequence": {"id": "A", "type_id": 0}}
PAIR = [A, {"Sequence": {"id": "B", "type_id": 1}}]


def cases():
    nb, nm = len(BASES["bytes"]["model"]["vocab"]), len(BASES["marks"]["model"]["vocab"])
    for name, base in BASES.items():
        first = {"bytes": nb, "marks": nm}[name]
        tokens = {k: v for k, v in TOKENS.items() if k not in base["model"]["vocab"]}
        yield name + " plain", name, {}
        yield name + " added tokens", name, {"added_tokens": added(first, **tokens)}
        for form in ["NFC", "NFD", "NFKC", "NFKD"]:
            yield f"{name} {form}", name, {"normalizer": {"type": form}}
        yield name + " pairs", name, {"model.merges": [m.split(" ") for m in base["model"]["merges"]]}
        yield name + " no decoder", name, {"decoder": None}
    yield "added tokens after NFD", "bytes", {"normalizer": {"type": "NFD"}, "added_tokens": added(nb, **{k: v for k, v in TOKENS.items() if k != "tok"})}
    yield "add_prefix_space", "bytes", {"pre_tokenizer": {**BYTE_LEVEL, "add_prefix_space": True}}
    for each in (False, True):
        yield f"Digits {each}", "bytes", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": each}, BYTE_LEVEL)}
    yield "Llama 3", "bytes", {"pre_tokenizer": sequence(split(LLAMA3), BARE)}
    yield "Llama 3 as expression", "bytes", {"pre_tokenizer": sequence(split(LLAMA3, "Removed", True), BARE)}
    yield "Qwen 2", "bytes", {"pre_tokenizer": sequence(split(LLAMA3.replace("{1,3}", "")), BARE)}
    yield "code", "bytes", {"pre_tokenizer": sequence(split(CODE), BARE)}
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in (False, True):
            yield f"{behavior} {invert}", "bytes", {"pre_tokenizer": sequence(split(r"[\d ]", behavior, invert), BARE)}
            yield f"{behavior} {invert} text", "bytes", {"pre_tokenizer": sequence(split("a", behavior, invert, "String"), BARE)}
    vocab = BASES["bytes"]["model"]["vocab"]
    yield "ignore_merges", "bytes", {"model.ignore_merges": True, "model.vocab": {**vocab, "Ġend": nb, "æĹ¥": nb + 1}}
    marks = BASES["marks"]["model"]
    holes = {("x" + t if t in ("<0xE6>", "<0xC3>") else t): i for t, i in marks["vocab"].items()}
    for fuse in (False, True):
        yield f"unknown, fuse_unk {fuse}", "marks", {"model.fuse_unk": fuse, "model.byte_fallback": False}
        yield f"bytes missing, fuse_unk {fuse}", "marks", {"model.fuse_unk": fuse, "model.vocab": holes}
    yield "no unknown token", "marks", {"model.unk_token": None, "model.byte_fallback": False}
    yield "merge across marks", "marks", {
        "model.vocab": {**marks["vocab"], "e▁": nm, "e▁t": nm + 1}, "model.merges": ["e ▁", "e▁ t"] + marks["merges"]}
    yield "split at marks", "marks", {"pre_tokenizer": split("▁", "MergedWithNext", False, "String")}
    yield "template", "marks", {
        "added_tokens": [{**row, "id": i} for i, row in enumerate(added(0, **{"<unk>": "special", "<s>": "special", "</s>": "special rstrip"}))],
        "post_processor": {"type": "Sequence", "processors": [BARE, {
            "type": "TemplateProcessing", "single": [special("<s>"), A, special("end")], "pair": PAIR,
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}, "end": {"id": "end", "ids": [2, 5], "tokens": ["</s>", "<0x02>"]}}}]}}


def main():
    out = []
    for name, base, changes in cases():
        spec = copy.deepcopy(BASES[base])
        for path, value in changes.items():
            *way, last = path.split(".")
            at = spec
            for key in way:
                at = at[key]
            at[last] = value
        tok = Tokenizer.from_str(json.dumps(spec))
        rows = []
        for text in TEXTS:
            ids = tok.encode(text).ids
            rows.append([ids, tok.decode(ids, skip_special_tokens=False), tok.decode(ids, skip_special_tokens=True)])
        out.append({"name": name, "base": base, "set": changes, "want": rows})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in out)
    bases = json.dumps(BASES, ensure_ascii=False)
    texts = json.dumps(TEXTS, ensure_ascii=False)
    (HERE / "golden.json").write_text(f'{{"texts": {texts},\n"bases": {bases},\n"cases": [\n{lines}\n]}}\n')


main()
