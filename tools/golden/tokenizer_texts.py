"""Texts that tokenizers.py runs through every tokenizer: some written down, the rest
put together from parts by a seeded generator of its own, so that they are the same
under every version of Python."""

# What each of them is for stands in its line.
WRITTEN = [
    "", " ", "  ", "\n", "\t", "\r\n", "\n\n", " \n ", "a", " a", "a ", "  a  b   c    d  ", "\u00a0", "\u3000x\u3000",
    # English, contractions, case
    "Hello world", "Hello, world! How's it going?", "I'm we're they've he'll she'd it's don't", "IT'S DON'T WE'RE I'M THEY'VE I'LL I'D",
    "'s'S't'T're'RE've'VE'm'M'll'LL'd'D 'x' ' s", "It\u2019s what\u2019s \u2018quoted\u2019", "'\u017f \u017ftreet K \u212aelvin",
    "The quick brown fox jumps over the lazy dog.", "camelCaseWord HTTPServer iPhone McDonald's XMLHttpRequest ABCdef abcDEF",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "To be, or not to be: that is the question\u2014",
    # numbers
    "0 1 12 123 1234 12345 1234567890", "3.14159 1,000,000 1e-9 0x1F 007 $5.00 50%", "\u0663\u0664 \uff11\uff12\uff13 \u00bd \u2167 \u00b2 \u0967\u0968\u0969 \u4e00\u4e8c\u4e09",
    # white space
    "a\nb", "a\n\nb", "a \n b", "a\r\nb\rc", "\n\n\n  x", "x  \n\n  ", "  leading", "trailing  ", "\tif x:\n\t\treturn  1\n", "a\u2028b\u2029c\u0085d\u000bd\u000ce",
    "a\u200bb\u200cc\u200dd\ufeffe", "\u2003\u2002 wide \u202f\u205f\u1680", " \t \n \t\n", "x\n \n  \n   \n    y", "   \n\n\n   ", "a" + " " * 30 + "b", "\n" * 12, "\t" * 9 + "x",
    # code
    "def f(x):\n    return x**2  # square\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "if err != nil {\n\t\treturn fmt.Errorf(\"x: %w\", err)\n\t}",
    "SELECT * FROM t WHERE a='b' AND c>=1;", "<html><body class=\"x\">&amp;&lt;</body></html>", "https://example.org/a/b?c=d&e=%20f#g", "/usr/bin/env -S C:\\Users\\x",
    "{\"a\": [1, 2.5, null], \"b\": {\"c\": true}}", "\\frac{a}{b} $x^2$ ``quoted'' --- -- - ...", "a::b->c == d !== e <<= f ??= g |> h", "#!/bin/sh\nset -eu\n", "_x __init__ a_b snake_case kebab-case",
    "```python\nprint('hi')\n```\n", "// /* */ <!-- --> \"\"\" ''' \u00ab\u00bb \u300c\u300d", "!!! ??? ... ,,, ;;; ::: ((( ))) [[[ ]]] {{{ }}}", "a/b//c///d /\n /\r\n -/\n",
    # languages
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01\u8fd9\u662f\u4e00\u4e2a\u6d4b\u8bd5\u3002", "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3067\u3059\u3002\u30ab\u30bf\u30ab\u30ca\u3068\u3072\u3089\u304c\u306a",
    "\u1112\u1161\u11ab\u1100\u1173\u11af \ud55c\uad6d\uc5b4 \uc2dc\ud5d8\uc785\ub2c8\ub2e4", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u042d\u0442\u043e \u043f\u0440\u043e\u0432\u0435\u0440\u043a\u0430.", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c \u0643\u064e\u064a\u0652\u0641\u064e",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e \u0915\u094d\u0937\u093f", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01 \u0e33\u0e19\u0e49\u0e33", "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5 \u03a3\u039f\u03a6\u039f\u03a3",
    "\u00c7a va tr\u00e8s bien, na\u00efve caf\u00e9 \u0153uvre", "Stra\u00dfe \u00dcbergr\u00f6\u00dfe \u1e9e \u00c4\u00d6\u00dc", "\u0130stanbul I\u0131i\u0130 \u011f\u015f", "Ti\u1ebfng Vi\u1ec7t c\u00f3 d\u1ea5u",
    "\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0 \u0531\u0580\u0565\u0582 \u1ab0", "\u0bb5\u0ba3\u0b95\u0bcd\u0b95\u0bae\u0bcd \u0c28\u0c2e\u0c38\u0c4d\u0c15\u0c3e\u0c30\u0c02", "\ud800\udf48".encode("utf-16", "surrogatepass").decode("utf-16") + " \U00010348 \U0002070e \U0001d54f",
    # emoji
    "\U0001f600 \U0001f602\U0001f923", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family", "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd\U0001f44d", "\u2764\ufe0f\u2764 1\ufe0f\u20e3 #\ufe0f\u20e3", "\u263a\u2122\u00a9\u00ae\u2192\u221e\u2248\u2260",
    # forms of Unicode
    "caf\u00e9 cafe\u0301 CAFE\u0301", "\u212b \u00c5 A\u030a", "\ufb01\ufb02 \u2460\u2461 \u3392 \uff21\uff22\uff23 \uff76\uff9e", "\u1e9b\u0323 \u0344 \u0958 e\u0323\u0301 e\u0301\u0323", "q\u0307\u0323 \u1100\u1161\u11a8 \u0301x", "\u0301", "e\u0301\u0301\u0301\u0301\u0301\u0301", "\u2126 \u01c4 \u01f1 \ufdfa", "a\u0300\u0301b\u0302 \u0e33",
    # control characters and what is no character
    "\x00", "a\x00b", "\x01\x02\x03\x1b[31mred\x1b[0m\x7f", "\ufffd \ufffe \U0010ffff", "\x08\x0e\x1f\x80\x9f", "\ue000\uf8ff \U000f0000",
    # special tokens and marks of the tokenizers themselves, as text
    "<s>hi</s>", "<|endoftext|>", "a<|endoftext|>b", "<|begin_of_text|>x<|eot_id|>", " <s> </s> ", "<unk>", "<pad><pad>", "<bos>a<eos>", "<|im_start|>user\nhi<|im_end|>\n", "<start_of_turn>user\nhi<end_of_turn>", "<s", "<|endoftext", "<0x41><0x0A>", "\u2581", "\u2581a\u2581\u2581b \u2581c", "\u0120the \u010a", "<extra_id_0> <extra_id_1>.", "</s></s> </s>", "x<mask>y <mask> z", "<|assistant|> <|user|>\n", "[W]x [W] x[W] [L] [L]x  [R]  x[R] [B]  y",
    # long words
    "a" * 70, "ab" * 60, "\u65e5" * 40, "x" + "1" * 40, "!" * 33, "\u0e01" * 35, "aB" * 25, "\u00e9" * 20, "=" * 64 + "\n" + "-" * 64,
]

WORDS = (
    "the of and to in is that it was for on are with as his they be at one have this from or had by hot but some what there we can out other were all your when up use word how said "
    "an each she which do their time if will way about many then them would write like so these her long make thing see him two has look more day could go come did my sound no most "
    "number who over know water than call first people may down side been now find any new work part take get place made live where after back little only round man year came show "
    "every good me give our under name very through just form much great think say help low line before turn cause same mean differ move right boy old too does tell sentence set three "
    "want air well also play small end put home read hand port large spell add even land here must big high such follow act why ask men change went light kind off need house picture try"
).split()
OTHERS = (
    "\u4f60\u597d \u4e16\u754c \u6d4b\u8bd5 \u6a21\u578b \u65e5\u672c\u8a9e \u3053\u3093\u306b\u3061\u306f \u30c6\u30b9\u30c8 \uc548\ub155 \uc138\uacc4 \ud55c\uad6d\uc5b4 \u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u0441\u043b\u043e\u0432\u043e \u041c\u043e\u0441\u043a\u0432\u0430 \u0645\u0631\u062d\u0628\u0627 \u0633\u0644\u0627\u0645 \u0643\u062a\u0627\u0628 "
    "\u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u03ba\u03cc\u03c3\u03bc\u03b5 \u039f\u03b4\u03cc\u03c2 caf\u00e9 cafe\u0301 na\u00efve Stra\u00dfe \u0130stanbul \u1ec7 e\u0323\u0302 \u00c5ngstr\u00f6m \u212b \ufb01n \uff21\uff22\uff23 \u0153uvre \u0142\u00f3d\u017a \u010desk\u00fd ti\u1ebfng vi\u1ec7t \U0001f600 \U0001f469\u200d\U0001f4bb "
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea \u2764\ufe0f \u2122 \u221e \u00bd \u2167 \u0663\u0664 \uff11\uff12 \U0001d54f \U0002070e"
).split()
CODE = ["def ", "return", "func ", "(x, y)", "{}", "[i]", "= ", "==", "!=", "->", ":=", "; ", "// ", "# ", "self.", "x_1", "fooBar", "HTTPGet", "\n    ", "\n\t", "\n\t\t", "\n\n", "};\n", "\"a\"", "'b'", "\\n", "0x1F", "</p>", "&&", "||", "i++", "%d", "@x", "$v", "~", "`c`", "^", "**"]
SPACES = [" ", " ", " ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\t", " \n", "\r\n", "", "", "\u00a0", "\u3000", "\u200b", "        "]
ENDS = [".", ",", "!", "?", ";", ":", "...", "'s", "'t", "'re", "'LL", "'d", "\u2019s", "-", "\u2014", "\"", ")", "/", "%", "\u3002", "\uff01", "\u060c"]
ODD = ["\x00", "\x01", "\x1b", "\x7f", "\u0301", "\u0323", "\u200d", "\ufe0f", "\ufeff", "\ufffd", "\u2028", "\u0085", "\u00ad", "\ue000", "\u2581", "\u0120", "<0x41>", "\u0e33", "\u0344"]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<|endoftext|>", "<|eot_id|>", "<|im_end|>", "<bos>", "<mask>", "<end_of_turn>", "[W]", "[L]", "[R]", "[B]", "<extra_id_0>"]


class Random:
    """A 64-bit linear congruential generator (Knuth's constants), high bits used."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def pick(self, items):
        return items[self.below(len(items))]


def word(r):
    kind = r.below(100)
    if kind < 52:
        w = r.pick(WORDS)
        return [w, w, w.capitalize(), w.upper()][r.below(4)]
    if kind < 68:
        return r.pick(OTHERS)
    if kind < 76:
        return str(r.below(10 ** (1 + r.below(7))))
    if kind < 86:
        return r.pick(CODE)
    if kind < 92:
        return r.pick(ODD)
    if kind < 95:
        return r.pick(SPECIAL)
    if kind < 98:
        return r.pick(WORDS) + r.pick(WORDS) + r.pick(OTHERS)
    lo, hi = r.pick([(0x21, 0x7F), (0xA1, 0x250), (0x370, 0x530), (0x5D0, 0x5EB), (0x620, 0x64B), (0x900, 0x980), (0x3040, 0x3100), (0x4E00, 0x9FA6), (0xAC00, 0xD7A4), (0x1F300, 0x1F600)])
    return "".join(chr(lo + r.below(hi - lo)) for _ in range(1 + r.below(4)))


def text(r):
    out = ""
    for _ in range(1 + r.below(7)):
        out += word(r)
        if r.below(4) == 0:
            out += r.pick(ENDS)
        out += r.pick(SPACES)
    return out if r.below(3) == 0 else out.rstrip(" ")


def texts(count=2100, seed=20260101):
    r = Random(seed)
    out = list(WRITTEN)
    while len(out) < count:
        out.append(text(r))
    return out


def training_text(seed=7, count=3000):
    """Other texts than those tested, from the same parts."""
    r = Random(seed)
    for _ in range(count):
        line = " ".join(word(r) for _ in range(12))
        yield "".join(c for c in line if c == "\n" or c == "\t" or ord(c) >= 32)
