"""Writes test/unit/Tokenizer/golden/: what Hugging Face's `tokenizers` makes of
hard lines, for the bundled model's tokenizer and for a small one of Llama 3's
kind (its regular expression, ignore_merges, a template with BOS, added tokens of
every sort) that this script trains on the bundled text.

Needs PyPI's tokenizers, and is only run by hand when a case is added:

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3
    venv/bin/python tools/dev/golden/tokenizer.py

NAME.jsonl holds one object a line: `text` (or `hex`, bytes that are not UTF-8),
the `ids` with special tokens added, and `decoded`, the text of those ids without
control tokens, if that is not `text`. The seed is fixed: running this again
gives the same bytes.
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "bard-llama"
GOLDEN = ROOT / "test" / "unit" / "Tokenizer" / "golden"

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

LINES = [
    "", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n\n", " \n \n", "a\u00a0b", "\u3000x",
    "First Citizen:\nBefore we proceed any further, hear me speak.",
    "In the beginning God created the heaven and the earth.",
    "I'm, you're, it's, we've, he'll, she'd, don't", "I'M YOU'RE IT'S WE'VE 'LL 'D 'ſ '\u0161",
    "1 12 123 1234 12345 3.14159 x2y ½ Ⅷ ٣٤٥ ①",
    "for (int i = 0; i < n; ++i) {\n\treturn a[i]->b(\"c\\n\");\n}\n",
    "Hello,   world  !  ", "...!!!???--==>>", "http://example.org/a?b=c&d=%20#e",
    "Привет, мир! Ελληνικά. שלום עולם. مرحبا بالعالم. नमस्ते दुनिया. สวัสดีชาวโลก",
    "你好,世界。こんにちは世界、カタカナ。안녕하세요 세계. 𠀀𠮷", "Zürich naïve façade ﬁ ß ŉ",
    "e\u0301 n\u0303 a\u0308 q\u0327\u0307", "👋🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ☃️ 1️⃣", "\u200b\u200d\ufeff\u180e \u2028\u2029\u0085",
    "\x00\x01\x1c\x1f\x7f", "a" * 100, "ab" * 200, " " * 70 + "x", "\n" * 60, "=" * 75, "é" * 60,
    "<|bos|>", "x<|eos|>y", "<|eos|><|bos|><|eos", "<|begin_of_text|>Hi<|eot|>there<|eot|>long <|eot|",
    "a <L> b", "a <R> b", "a  <B>\n c<B><B> ", "the nrm thing and thenrm", "<L>\u3000<R>\u2003<B>",
    "verily verilyverily", " Xyzzy Xyzzy", "\ue000\U0010ffff\ufffd",
]

BROKEN = [
    b"\xff", b"a\x80b", b"\xc0\xaf", b"\xe2\x82", b"\xe2\x82 x", b"\xf0\x9f\x98", b"\xf0\x9f\x98\xf0\x9f\x98\x80",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"ok \xc3\x28 ok", b"\xe0\x80\xaf\xc3\xa9\xc3",
]

RANGES = [
    (0x20, 0x7E), (0x20, 0x7E), (0x09, 0x0D), (0xA0, 0x24F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0x97F),
    (0x1100, 0x11FF), (0x2000, 0x206F), (0x2100, 0x218F), (0x3040, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
    (0xFE00, 0xFE0F), (0xFF00, 0xFFEE), (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF), (0x300, 0x36F),
]


def random_line(rng, text):
    """A mixture of scripts, white space and slices of real text."""
    line = ""
    for _ in range(rng.randrange(1, 6)):
        kind = rng.random()
        if kind < 0.3:
            line += rng.choice([" ", "  ", "\n", "\t", "'s", "'T", "42", "\r\n", "<|eos|>", "<B>"])
        elif kind < 0.6:
            start = rng.randrange(len(text) - 40)
            line += text[start : start + rng.randrange(40)]
        else:
            low, high = rng.choice(RANGES)
            line += "".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 8)))
    return line


def write_cases(tokenizer, name, text):
    rng = random.Random(2)
    lines = LINES + [random_line(rng, text) for _ in range(60)]
    cases = [({"text": line}, line) for line in lines]
    # `tokenizers` takes text only; what is broken becomes U+FFFD before.
    cases += [({"hex": raw.hex()}, raw.decode("utf-8", "replace")) for raw in BROKEN]
    with open(GOLDEN / f"{name}.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for case, line in cases:
            case["ids"] = tokenizer.encode(line).ids
            decoded = tokenizer.decode(case["ids"], skip_special_tokens=True)
            if decoded != case.get("text"):
                case["decoded"] = decoded
            file.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


def make_small_llama3(text):
    """Trains the small tokenizer and writes it as small-llama3/tokenizer.json."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|begin_of_text|>", "<|end_of_text|>"]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=specials,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text], trainer)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]),
    ])
    folder = GOLDEN / "small-llama3"
    folder.mkdir(exist_ok=True)
    tables = json.loads(tokenizer.to_str())
    # Words that no merge makes: only ignore_merges finds them.
    for word in ["\u0120Xyzzy", "verilyverily"]:
        tables["model"]["vocab"][word] = len(tables["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(tables))
    tokenizer.add_tokens([
        AddedToken("<|eot|>", normalized=False), AddedToken("<|eot|>long", normalized=False),
        AddedToken("nrm", normalized=True), AddedToken(" the nrm", normalized=True),
    ])
    tokenizer.add_special_tokens([
        AddedToken("<L>", lstrip=True, normalized=False), AddedToken("<R>", rstrip=True, normalized=False),
        AddedToken("<B>", lstrip=True, rstrip=True, normalized=True),
    ])
    tables = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(tables + "\n", encoding="utf-8")
    return tokenizer


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    text = (EXAMPLE / "valid-slice.txt").read_text(encoding="utf-8")
    write_cases(Tokenizer.from_file(str(EXAMPLE / "tokenizer.json")), "bard-llama", text)
    write_cases(make_small_llama3(text), "small-llama3", text)


if __name__ == "__main__":
    main()
