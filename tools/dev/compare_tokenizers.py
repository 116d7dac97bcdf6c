"""Compares LQC's tokens with those of Hugging Face's `tokenizers` and of
`sentencepiece`, on lines that are hard on purpose: mixed scripts, emoji, combining
marks, white space, code, control characters, added tokens inside of text.

Needs PyPI's tokenizers and sentencepiece, and `lqc-tokenize`:

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3
    ninja -C build/dev lqc-tokenize
    venv/bin/python tools/dev/compare_tokenizers.py MODEL...

A MODEL is a directory with a tokenizer.json, a tokenizer.model, vocab.json and
merges.txt (then MODEL=gpt2 or MODEL=qwen2 names the family) or a vocab.txt (then
MODEL=bert does, if its configuration does not), or a SentencePiece file.
Without any, the project's own. For each it prints how many lines have other ids, and
how many have another text when decoded; the exit code is 1 if any has other ids.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

RANGES = [
    (0x21, 0x7E), (0xA1, 0x24F), (0x250, 0x2FF), (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x587), (0x5D0, 0x5EA),
    (0x620, 0x6D3), (0x905, 0x94D), (0xE01, 0xE5B), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1E00, 0x1EFF),
    (0x1F00, 0x1FFE), (0x2000, 0x206F), (0x2070, 0x209C), (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2150, 0x218B),
    (0x2190, 0x22FF), (0x2460, 0x24FF), (0x2500, 0x25FF), (0x2600, 0x27BF), (0x3000, 0x303F), (0x3040, 0x30FF),
    (0x3105, 0x312F), (0x3400, 0x4DB5), (0x4E00, 0x9FA5), (0xA000, 0xA48C), (0xAC00, 0xD7A3), (0xF900, 0xFA2D),
    (0xFB00, 0xFB4F), (0xFB50, 0xFDFB), (0xFE30, 0xFE4F), (0xFF01, 0xFFEE), (0x10000, 0x1005D), (0x10400, 0x1044F),
    (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0x1F680, 0x1F6C5), (0x20000, 0x2A6D6),
]
MARKS = "\u0300\u0301\u0302\u0303\u0308\u030a\u0323\u0327\u0328\u0345\u05b4\u064b\u093c\u0e34\u3099\u309a\u20dd"
EMOJI = [
    "👋🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇯🇵🇺🇸", "☃️", "1️⃣", "#️⃣", "👩🏿‍🚀", "🧑‍🤝‍🧑", "❤️‍🔥", "😀😀😀", "🫠", "⚕️",
]
SPACES = [
    " ", "  ", "   ", "\t", "\t\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\u00a0", "\u3000", "\u2003", "\u200b", "\u2028",
    "\u0085", "\u1680", "\x0b", "\x0c", " " * 9, "\n" * 5, "\t \t", "\u202f", "\ufeff",
]
CONTROLS = ["\x00", "\x01", "\x08", "\x1b[31m", "\x1c", "\x1f", "\x7f", "\x80", "\x9f", "\u200d", "\u2060", "\u00ad"]
ODD = [
    "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\ufdd0", "\U000e0041", "\ufff9", "\u180e", "▁", "▁▁", "a▁b",
    "Ġ", "Ċ", "âĢľ", "<0x0A>", "<0xE2>", "<unk>", "[UNK]", "İ", "ſ", "ß", "ŉ", "ﬃ", "Å", "Å", "각", "각", "Ω", "々",
]
CODE = [
    "for (int i = 0; i < n; ++i) {", "\treturn a[i]->b(\"c\\n\");", "}\n", "def f(x):\n    return x**2\n", "if(a&&b||!c)",
    "#include <vector>", "SELECT * FROM t WHERE a='b';", "<div class=\"x\">", "https://example.org/a?b=c&d=%20#e",
    "{\"key\": [1, 2.5e-3, null]}", "x = y == z ? -1 : 0x1F", "// ----", "/* **** */", "a_b_c aBcDe ABC123def", "\\\\n\\t",
]
WORDS = [
    "the", "The", "hello", "world", "Once upon a time", "I'm", "you're", "it's", "WE'VE", "don't", "'s", "'LL", "naïve",
    "façade", "Zürich", "Привет", "мир", "你好", "世界", "こんにちは", "カタカナ", "안녕하세요", "שלום", "مرحبا", "नमस्ते", "สวัสดี",
    "Ελληνικά", "antidisestablishmentarianism", "a" * 40, "ab" * 30, "=" * 33, "...", "?!", "--", "“quoted”", "‘x’", "é" * 20,
]


def random_number(rng):
    return rng.choice([
        str(rng.randrange(10 ** rng.randrange(1, 12))), f"{rng.random() * 1000:.3f}", f"{rng.randrange(10**7):,}", "½", "Ⅷ",
        "٣٤٥", "①②", "१२३", "𝟘𝟙", "²³", "1e-05",
    ])


def random_part(rng, added):
    kind = rng.randrange(12)
    if kind == 0:
        low, high = rng.choice(RANGES)
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 9)))
    if kind == 1:
        return rng.choice("aeinouyAEOUдикか\u05d0\u0627क") + "".join(rng.choice(MARKS) for _ in range(rng.randrange(1, 4)))
    if kind == 2:
        return rng.choice(EMOJI)
    if kind == 3:
        return rng.choice(CONTROLS)
    if kind == 4:
        return rng.choice(ODD)
    if kind == 5:
        return rng.choice(CODE)
    if kind == 6:
        return random_number(rng)
    if kind == 7 and added:
        return rng.choice(added)
    if kind in (8, 9):
        return rng.choice(SPACES)
    return rng.choice(WORDS)


def hard_lines(count, seed, added):
    """`count` texts; the same for the same arguments."""
    rng = random.Random(seed)
    lines = ["", " ", "  ", "\n", "\t", "a", " a", "a ", *SPACES, *ODD, *EMOJI, *CODE, *added]
    while len(lines) < count:
        parts = [random_part(rng, added) for _ in range(rng.randrange(1, 10))]
        glue = rng.choice(["", "", " "])
        lines.append(glue.join(parts))
    return lines[:count]


def qwen2(directory):
    tokenizer = Tokenizer(models.BPE.from_file(str(directory / "vocab.json"), str(directory / "merges.txt")))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def gpt2(directory):
    tokenizer = Tokenizer(models.BPE.from_file(str(directory / "vocab.json"), str(directory / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def bert(directory):
    """As transformers' BertTokenizerFast makes it of a vocab.txt."""
    path = directory / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    names = {name: config.get(f"{name.lower()}_token", f"[{name}]") for name in ["UNK", "CLS", "SEP", "PAD", "MASK"]}
    tokenizer = Tokenizer(models.WordPiece.from_file(str(directory / "vocab.txt"), unk_token=names["UNK"]))
    tokenizer.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=config.get("tokenize_chinese_chars", True), strip_accents=config.get("strip_accents"),
        lowercase=config.get("do_lower_case", True))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    added = {token["content"]: AddedToken(**token) for token in config.get("added_tokens_decoder", {}).values()}
    tokenizer.add_special_tokens([added.get(name, AddedToken(name, normalized=False)) for name in names.values()])
    return tokenizer


class HuggingFace:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.added = [token.content for token in tokenizer.get_added_tokens_decoder().values()][:20]

    def encode(self, line):
        return self.tokenizer.encode(line, add_special_tokens=False).ids

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=False)


class SentencePiece:
    def __init__(self, path):
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.added = ["<s>", "</s>", "<unk>", "[INST]"]

    def encode(self, line):
        return self.processor.encode(line)

    def decode(self, ids):
        return self.processor.decode(ids)


def cut_merge(merge, vocabulary):
    """Two tokens; where they hold spaces themselves the vocabulary decides."""
    cuts = [(merge[:at], merge[at + 1 :]) for at, c in enumerate(merge) if c == " "]
    return next((cut for cut in cuts if len(cuts) == 1 or {*cut, "".join(cut)} <= vocabulary.keys()), merge)


def read_tokenizer_json(path):
    """`tokenizers` refuses merges with more than one space when they are strings."""
    file = json.loads(path.read_text(encoding="utf-8"))
    model = file["model"]
    if "merges" in model:
        model["merges"] = [cut_merge(m, model["vocab"]) if isinstance(m, str) else m for m in model["merges"]]
    file["truncation"] = file["padding"] = None  # about batches, not about text
    return Tokenizer.from_str(json.dumps(file, ensure_ascii=False))


def reference(directory, family):
    if (directory / "tokenizer.json").exists():
        return HuggingFace(read_tokenizer_json(directory / "tokenizer.json"))
    if (directory / "tokenizer.model").exists():
        return SentencePiece(directory / "tokenizer.model")
    if (directory / "vocab.txt").exists():
        return HuggingFace(bert(directory))
    tokenizer = {"qwen2": qwen2, "gpt2": gpt2}[family](directory)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=False, special=True)])
    return HuggingFace(tokenizer)


def show(line, ours, theirs):
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    print(f"  {line!r}\n    from token {at}: {ours[at:at + 8]}, expected: {theirs[at:at + 8]}")


def compare(arguments, directory, family):
    model = reference(directory, family)
    lines = hard_lines(arguments.lines, arguments.seed, model.added)
    command = [arguments.program, str(directory), *([f"--tokenizer={family}"] if family else [])]
    answers = subprocess.run(command, input="".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), capture_output=True,
                             text=True, check=False)
    if answers.returncode:
        sys.exit(answers.stderr)
    wrong_ids = wrong_texts = 0
    for line, answer in zip(lines, answers.stdout.split("\n")[:-1], strict=True):
        answer, ids = json.loads(answer), model.encode(line)
        if answer["ids"] != ids:
            wrong_ids += 1
            if wrong_ids <= arguments.show:
                show(line, answer["ids"], ids)
        elif answer["text"] != model.decode(ids):
            wrong_texts += 1
            if wrong_texts <= arguments.show:
                print(f"  {line!r}\n    text {answer['text']!r}, expected: {model.decode(ids)!r}")
    return len(lines), wrong_ids, wrong_texts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[str(ROOT / "examples" / "bard-llama")])
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3, help="differences to print for each model")
    parser.add_argument("--program", default=str(ROOT / "build" / "dev" / "bin" / "lqc-tokenize"))
    arguments = parser.parse_args()
    failed = False
    for name in arguments.models:
        path, _, family = name.partition("=")
        path = pathlib.Path(path)
        with tempfile.TemporaryDirectory() as folder:
            if path.is_file():
                shutil.copy(path, pathlib.Path(folder) / "tokenizer.model")
                path = pathlib.Path(folder)
            lines, ids, texts = compare(arguments, path, family)
        print(f"{name}: {lines} lines, {ids} with other ids, {texts} with another text")
        failed |= ids > 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
