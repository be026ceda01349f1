"""Vectors for internal/tokenizer by Hugging Face's tokenizers and by sentencepiece.

    python tools/golden/tokenizer_vectors.py           writes internal/tokenizer/testdata/families/
    python tools/golden/tokenizer_vectors.py --learn   the same with new vocabularies
    python tools/golden/tokenizer_vectors.py NAME N    prints what tokenizer NAME gives for text N

Three small vocabularies were learned here; every family is one of them under the
normalizer, pre-tokenizer, post-processor and decoder of its published tokenizer.json.
The published files of ../shared/data/tokenizers come beside them, where they are.
Of ids and decoded texts only checksums are kept (CRC-32), of the texts all.
"""

import base64
import collections
import copy
import gzip
import io
import json
import pathlib
import re
import sys
import tempfile
import zlib

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

import tokenizer_texts

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "internal/tokenizer/testdata/families"
SHARED = ROOT.parent / "shared/data/tokenizers"

TIKTOKEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = TIKTOKEN.replace("{1,3}", "")
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SEED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
EXAONE = r"(?:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
UP, DOWN = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{DOWN}+{SHORT}|[^\r\n\p{{L}}\p{{N}}]?{UP}+{DOWN}*{SHORT}|\p{{N}}{{1,3}}" + REST
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{DOWN}+|[^\r\n\p{{L}}\p{{N}}]?{UP}+{DOWN}*|\p{{N}}" + REST

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BARE = {**BYTE_LEVEL, "use_regex": False}
DIGITS = {"type": "Digits", "individual_digits": True}


def split(pattern, behavior="Isolated", kind="Regex", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def words(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def norms(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def decode(*steps):
    return {"type": "Sequence", "decoders": list(steps)}


def replace(old, new, kind="String"):
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


def metaspace(scheme, cut=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}


def strip(start=1):
    return {"type": "Strip", "content": " ", "start": start, "stop": 0}


FALLBACK, FUSE, NFC = {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "NFC"}


def template(before=(), after=(), ids={}):
    """ids: by name of the special tokens, as numbers of the added list."""
    piece = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}  # noqa: E731
    text = lambda name: {"Sequence": {"id": name, "type_id": 0}}  # noqa: E731
    single = [*map(piece, before), text("A"), *map(piece, after)]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [text("B")],
            "special_tokens": {n: {"id": n, "ids": [ids[n]], "tokens": [n]} for n in {*before, *after}}}


def added(first, **tokens):
    """A list of added tokens, in order: content=flags, ids from first on, or as given."""
    rows = []
    for content, flags in tokens.items():
        flags = flags.split()
        row = {"id": first, "content": content, **{f: f in flags for f in ("single_word", "lstrip", "rstrip", "normalized", "special")}}
        for f in flags:
            if f.isdigit():
                row["id"] = int(f)
        if row["id"] == first:
            first += 1
        rows.append(row)
    return rows


ODD = {"[W]": "single_word", "[L]": "lstrip special", "[R]": "rstrip", "[B]": "lstrip rstrip"}


def learn(model, trainer, normalizer, pre_tokenizer, least=1):
    """least: how often a character must come to be kept."""
    tok = Tokenizer(model)
    tok.normalizer, tok.pre_tokenizer = normalizer, pre_tokenizer
    lines = list(tokenizer_texts.training_text())
    seen = collections.Counter("".join(lines))
    tok.train_from_iterator(["".join(c for c in line if seen[c] >= least) for line in lines], trainer)
    return json.loads(tok.to_str())["model"]


def bases():
    byte = learn(
        models.BPE(), trainers.BpeTrainer(vocab_size=1000, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())),
        None, pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(TIKTOKEN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]))
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    marks = learn(
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        trainers.BpeTrainer(vocab_size=1000, show_progress=False, special_tokens=special, limit_alphabet=300),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), pre_tokenizers.Split("▁", "merged_with_next"))
    unigram = learn(
        models.Unigram(), trainers.UnigramTrainer(vocab_size=700, show_progress=False, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"]),
        normalizers.NFKC(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), least=30)
    unigram["vocab"] = [[t, round(s, 4)] for t, s in unigram["vocab"]]
    return {"bytes": byte, "marks": marks, "unigram": unigram}


# Replacements as a SentencePiece model may carry them, and more crossing each other
# than its own tables have: text, tab, text.
RULES = [
    ("ﬁ", "fi"), ("ﬂ", "fl"), ("Ａ", "A"), ("Ｂ", "B"), ("Ｃ", "C"), ("１", "1"), ("２", "2"), ("\u3000", " "), ("\u00a0", " "), ("\r", " "), ("\n", " "), ("\r\n", " "),
    ("\t", " "), ("e\u0301", "é"), ("e\u0323\u0302", "ệ"), ("½", "1⁄2"), ("™", "TM"), ("…", "..."), ("\u0001", ""), ("\u001b", ""), ("\u200b", " "), ("\u200d", ""),
    ("\ufe0f", ""), ("\ufeff", ""), ("\u212b", "\u00c5"), ("A\u030a", "\u00c5"), ("ｶ", "カ"), ("カ\u3099", "ガ"), ("ｶﾞ", "ガ"), ("\u00ad", ""), ("👍🏽", "👍"), ("น้ำ", "น้า"), ("ำ", "ํา"),
]


def sentence_pieces():
    """Two learned models, and what becomes of them under other settings."""
    rules = "".join("{}\t{}\n".format(" ".join(f"{ord(c):X}" for c in a), " ".join(f"{ord(c):X}" for c in b)) for a, b in RULES)
    path = pathlib.Path(tempfile.mkdtemp()) / "rules.tsv"
    path.write_text(rules)

    def train(**options):
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(list(tokenizer_texts.training_text())), model_writer=out, num_threads=1, minloglevel=2,
            character_coverage=0.995, hard_vocab_limit=False, **options)
        m = sentencepiece_model_pb2.ModelProto()
        m.ParseFromString(out.getvalue())
        return m

    def changed(model, **fields):
        m = copy.deepcopy(model)
        for name, value in fields.items():
            setattr(m.normalizer_spec, name, value)
        return m

    llama = train(model_type="bpe", vocab_size=900, byte_fallback=True, split_digits=True, normalization_rule_name="identity", remove_extra_whitespaces=False)
    gemma = train(model_type="bpe", vocab_size=900, byte_fallback=True, add_dummy_prefix=False, normalization_rule_name="identity", remove_extra_whitespaces=False,
                  pad_id=0, eos_id=1, bos_id=2, unk_id=3, user_defined_symbols=["<mask>", "\n\n", "▁▁", "▁▁▁", "<end_of_turn>", "[W]"])
    t5 = train(model_type="unigram", vocab_size=600, normalization_rule_tsv=str(path), pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    bytes_ = train(model_type="unigram", vocab_size=800, byte_fallback=True, normalization_rule_tsv=str(path), user_defined_symbols=["<mask>", "ing", "カ"])
    plain = train(model_type="bpe", vocab_size=500, normalization_rule_name="identity")
    return {
        "llama": llama,
        "gemma": gemma,
        "t5": t5,
        "unigram, bytes": bytes_,
        "bpe, no bytes": plain,
        "extra spaces kept": changed(t5, remove_extra_whitespaces=False),
        "no prefix": changed(bytes_, add_dummy_prefix=False),
        "spaces not escaped": changed(bytes_, escape_whitespaces=False),
        "extra spaces dropped": changed(llama, remove_extra_whitespaces=True),
    }


def families(base, charsmap):
    """(name, base, the rest of tokenizer.json) of every family."""
    n = {name: len(model["vocab"]) for name, model in base.items()}
    b, m, u = n["bytes"], n["marks"], n["unigram"]

    def of(kind, **rest):
        spec = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
        spec.update(rest)
        return kind, spec

    def byte_level(**rest):
        return of("bytes", **{"post_processor": BYTE_LEVEL, "decoder": BYTE_LEVEL, "added_tokens": added(b, **{"<|endoftext|>": "special"}), **rest})

    llama3 = added(b, **{"<|begin_of_text|>": "special", "<|eot_id|>": "special", "<|im_end|>": "special"})
    yield "llama3", *byte_level(
        added_tokens=llama3, pre_tokenizer=words(split(TIKTOKEN), BARE), model={"ignore_merges": True},
        post_processor={"type": "Sequence", "processors": [BYTE_LEVEL, template(["<|begin_of_text|>"], ids={"<|begin_of_text|>": b})]})
    yield "qwen2", *byte_level(added_tokens=added(b, **{"<|endoftext|>": "special", "<|im_start|>": "special", "<|im_end|>": "special"}), normalizer=NFC, pre_tokenizer=words(split(QWEN2), BARE))
    yield "qwen3.5", *byte_level(normalizer=NFC, pre_tokenizer=words(split(QWEN35), BARE))
    runs = {" " * k: "normalized" for k in range(24, 1, -1)}
    yield "gpt-neox", *byte_level(added_tokens=added(b, **{"<|endoftext|>": "special", "<|padding|>": "special", **runs}), normalizer=NFC, pre_tokenizer=BYTE_LEVEL,
                                  post_processor=template(ids={}), model={"continuing_subword_prefix": "", "end_of_word_suffix": ""})
    yield "phi-2", *byte_level(added_tokens=added(b, **{"<|endoftext|>": "special", **{" " * k: "normalized" for k in range(31, 1, -1)}, **{"\t" * k: "normalized" for k in range(9, 1, -1)}}), pre_tokenizer=BYTE_LEVEL)
    yield "smollm2, starcoder2", *byte_level(pre_tokenizer=words(DIGITS, BYTE_LEVEL))
    yield "cohere", *byte_level(added_tokens=added(b, **{"<pad>": "special", "<unk>": "special", "<s>": "special", "</s>": "special", **ODD}), normalizer=NFC, pre_tokenizer=words(DIGITS, BYTE_LEVEL),
                                post_processor=template(["<s>"], ids={"<s>": b + 2}))
    yield "exaone", *byte_level(added_tokens=added(b, **{"<pad>": "special", "</s>": "special", **ODD}), normalizer=NFC, pre_tokenizer=words(split(EXAONE), BARE))
    yield "phi-4-mini", *byte_level(pre_tokenizer=words(split(O200K, "Removed", invert=True), BARE))
    yield "mistral nemo", *byte_level(pre_tokenizer=words(split(TEKKEN), BARE), model={"ignore_merges": True})
    yield "seed-oss", *byte_level(pre_tokenizer=words(split(SEED), BARE))
    yield "gpt-2, prefix", *byte_level(added_tokens=added(b, **{"<|endoftext|>": "special normalized", "<mask>": "special lstrip"}), pre_tokenizer={**BYTE_LEVEL, "add_prefix_space": True},
                                       post_processor=template(["<|endoftext|>"], ["<|endoftext|>"], ids={"<|endoftext|>": b}))

    llama = {"<unk>": "special 0", "<s>": "special 1", "</s>": "special 2"}
    spm = decode(replace("▁", " "), FALLBACK, FUSE, strip())
    bos = template(["<s>"], ids={"<s>": 1})
    both = template(["<s>"], ["</s>"], ids={"<s>": 1, "</s>": 2})
    yield "llama2, legacy", *of("marks", added_tokens=added(m, **llama), post_processor=bos, decoder=spm, normalizer=norms({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")))
    yield "mistral, tinyllama", *of("marks", added_tokens=added(m, **llama, **ODD), post_processor=bos, decoder=spm, pre_tokenizer=metaspace("first", False))
    yield "metaspace always", *of("marks", added_tokens=added(m, **llama, **ODD), post_processor=both, decoder=metaspace("always"), pre_tokenizer=metaspace("always"))
    yield "metaspace never", *of("marks", added_tokens=added(m, **llama, **ODD), post_processor=both, decoder=decode(FALLBACK, metaspace("never")), pre_tokenizer=metaspace("never"))
    yield "metaspace first, cut", *of("marks", added_tokens=added(m, **llama, **{t: f + " normalized" for t, f in ODD.items()}), decoder=metaspace("first"), pre_tokenizer=words({"type": "WhitespaceSplit"}, metaspace("first")),
                                      normalizer=norms({"type": "Strip", "strip_left": True, "strip_right": False}))
    yield "gemma", *of("marks", added_tokens=added(m, **{**llama, "<mask>": "", "\n\n": "", "\n\n\n": "", "<end_of_turn>": "special"}), post_processor=bos, decoder=decode(replace("▁", " "), FALLBACK, FUSE),
                       normalizer=replace(" ", "▁"), pre_tokenizer=split(" ", "MergedWithPrevious", "String"))
    yield "words", *of("marks", added_tokens=added(m, **llama), decoder=decode(strip(2), replace("[xy]+", "z", "Regex")), pre_tokenizer=words({"type": "Whitespace"}, {"type": "Punctuation"}),
                       normalizer=norms({"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}))
    yield "punctuation", *of("marks", decoder=decode(FUSE), pre_tokenizer=words({"type": "Punctuation", "behavior": "MergedWithPrevious"}, {"type": "CharDelimiterSplit", "delimiter": "e"}, metaspace("first", False)),
                             normalizer=norms(replace("``", '"'), replace("^".join(["a", "b"]).replace("^", ""), "▁"), {"type": "Strip", "strip_left": False, "strip_right": True}))

    compiled = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    t5 = {"<pad>": "special 0", "</s>": "special 1", "<unk>": "special 2", "<extra_id_0>": "special"}
    eos = template([], ["</s>"], ids={"</s>": 1})
    yield "t5", *of("unigram", added_tokens=added(u, **t5), normalizer=compiled, pre_tokenizer=words({"type": "WhitespaceSplit"}, metaspace("always")), post_processor=eos, decoder=metaspace("always"))
    yield "xlm-r", *of("unigram", added_tokens=added(u, **t5, **ODD), normalizer=norms(compiled, {"type": "Strip", "strip_left": False, "strip_right": True}, replace(" {2,}", "▁", "Regex")), pre_tokenizer=metaspace("always"),
                       post_processor=eos, decoder=metaspace("always"))
    yield "albert", *of("unigram", added_tokens=added(u, **t5, **{"<mask>": "lstrip special", "[W]": "single_word normalized"}),
                        normalizer=norms(replace("``", '"'), replace("''", '"'), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, compiled, replace(" {2,}", " ", "Regex")),
                        pre_tokenizer=metaspace("first"), post_processor=eos, decoder=metaspace("first"))
    yield "helium", *of("unigram+bytes", added_tokens=added(u + 256, **{t: f + " single_word" for t, f in t5.items()}, **{"\n": str(u + 10)}), normalizer=norms({"type": "Prepend", "prepend": " "}, replace(" ", "▁")),
                        pre_tokenizer=words(split("\n", "Contiguous", "String")), post_processor=eos, decoder=decode(replace("▁", " "), FALLBACK, FUSE, strip()))


def crc(data):
    return zlib.crc32(data)


def ids_sum(ids):
    return crc(b"".join(i.to_bytes(4, "little") for i in ids))


UNTRIED = 2**32 - 1


class Vectors:
    """Checksums by text: of ids; of the text decoded from them without special tokens,
    0 where that is the text itself; of the one with them, 0 where it is the same. What
    the template adds is not decoded. UNTRIED where there is nothing to compare with."""

    def __init__(self):
        self.ids, self.plain, self.special = [], [], []

    def add(self, text, ids, plain, special):
        self.ids.append(ids_sum(ids))
        self.plain.append(0 if plain == text else crc(plain.encode()) or 1)
        self.special.append(0 if special == plain else crc(special.encode()) or 1)

    def json(self):
        pack = lambda sums: base64.b64encode(b"".join(s.to_bytes(4, "little") for s in sums)).decode()  # noqa: E731
        return {"ids": pack(self.ids), "plain": pack(self.plain), "special": pack(self.special)}


def run(tok, texts, show):
    tok.no_truncation()
    tok.no_padding()
    v = Vectors()
    for i, text in enumerate(texts):
        e = tok.encode(text)
        inner = tok.encode(text, add_special_tokens=False).ids
        plain, special = tok.decode(inner, skip_special_tokens=True), tok.decode(inner, skip_special_tokens=False)
        v.add(text, e.ids, plain, special)
        if i == show:
            print(json.dumps({"text": text, "ids": e.ids, "tokens": e.tokens, "plain": plain, "special": special}, ensure_ascii=False, indent=1))
    return v.json()


def run_pieces(model, texts, show):
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    control = [p.piece for p in model.pieces if p.type in (2, 3)]
    v = Vectors()
    for i, text in enumerate(texts):
        # Control tokens that are written out are text for sentencepiece, and tokens for everybody else.
        skip = any(c in text for c in control) or "\x00" in text
        ids = sp.encode(text)
        decoded = sp.decode(ids)
        v.add(text, ids, decoded, decoded)
        if skip or sp.unk_id() in ids:  # an unknown token is shown in another way
            v.plain[-1] = v.special[-1] = UNTRIED
        if skip:
            v.ids[-1] = UNTRIED
        if i == show:
            print(json.dumps({"text": text, "ids": ids, "tokens": [sp.id_to_piece(i) for i in ids], "decoded": decoded, "skip": skip}, ensure_ascii=False, indent=1))
    return v.json()


# tokenizer_config.json beside a tokenizer.model, by name.
CONFIGS = {
    "llama, first": {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "llama, always": {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                      "added_tokens_decoder": {str(900 + i): {"content": c, "lstrip": "l" in f, "rstrip": "r" in f, "normalized": False, "single_word": "w" in f, "special": "s" in f}
                                               for i, (c, f) in enumerate([("[W]", "w"), ("[L]", "ls"), ("[R]", "r"), ("[B]", "lr")])}},
}


def run_folder(model, config, texts, show):
    """What transformers gives for a folder with these two files. It does not do what
    the model says with spaces and marks at the start of a text, as sentencepiece does:
    texts with those are left out."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "tokenizer.model").write_bytes(model.SerializeToString())
        (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps(config))
        tok = transformers.LlamaTokenizer.from_pretrained(folder)
    starts = re.compile(r"(^|<s>|</s>|<unk>|\[[LRBW]\])[ ▁]")
    v = Vectors()
    for i, text in enumerate(texts):
        ids, inner = tok(text).input_ids, tok(text, add_special_tokens=False).input_ids
        plain, special = tok.decode(inner, skip_special_tokens=True), tok.decode(inner, skip_special_tokens=False)
        v.add(text, ids, plain, special)
        if starts.search(text):
            v.ids[-1] = v.plain[-1] = v.special[-1] = UNTRIED
        if i == show:
            print(json.dumps({"text": text, "ids": ids, "tokens": tok.convert_ids_to_tokens(ids), "plain": plain, "special": special}, ensure_ascii=False, indent=1))
    return v.json()


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    (OUT / name).write_bytes(gzip.compress(raw, 9, mtime=0))


def main():
    learning = sys.argv[1:] == ["--learn"]
    want = sys.argv[1] if sys.argv[1:] and not learning else None
    show = int(sys.argv[2]) if want else -1
    texts = tokenizer_texts.texts()
    if not learning:  # learning gives something else each time
        kept = json.loads(gzip.decompress((OUT / "bases.json.gz").read_bytes()))
        base, pieces = kept["models"], {}
        for name, data in kept["pieces"].items():
            pieces[name] = sentencepiece_model_pb2.ModelProto()
            pieces[name].ParseFromString(base64.b64decode(data))
    else:
        base, pieces = bases(), sentence_pieces()
        u = base["unigram"]
        base["unigram+bytes"] = {**u, "byte_fallback": True, "vocab": u["vocab"] + [["\n" if k == 10 else f"<0x{k:02X}>", -20] for k in range(256)]}
    charsmap = base64.b64encode(pieces["t5"].normalizer_spec.precompiled_charsmap).decode()
    out = []
    for name, kind, spec in families(base, charsmap):
        if want in (None, name):
            options = spec.pop("model", {})
            out.append({"name": name, "base": kind, "spec": spec, "model": options, **run(Tokenizer.from_str(json.dumps({**spec, "model": {**base[kind], **options}})), texts, show)})
    for name in ["gpt2", "phi-3-mini", "qwen2.5"]:
        path = SHARED / name / "tokenizer.json"
        if path.exists() and want in (None, name):
            out.append({"name": name, "shared": True, **run(Tokenizer.from_file(str(path)), texts, show)})
    models_ = []
    for name, model in pieces.items():
        if want in (None, name):
            models_.append({"name": name, **run_pieces(model, texts, show)})
    folders = []
    for name, config in CONFIGS.items():
        if want in (None, name):
            folders.append({"name": name, "model": "llama", "config": config, **run_folder(pieces["llama"], config, texts, show)})
    if want:
        return
    write("bases.json.gz", {"models": base, "pieces": {n: base64.b64encode(m.SerializeToString()).decode() for n, m in pieces.items()}})
    write("texts.json.gz", texts)
    write("vectors.json.gz", {"families": out, "pieces": models_, "folders": folders})


main()
