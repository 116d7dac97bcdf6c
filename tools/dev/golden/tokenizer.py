"""Writes test/unit/Tokenizer/golden/: what Hugging Face's `tokenizers`, and
`sentencepiece`, make of hard lines, for the bundled model's tokenizer and for small
ones of each kind that this script trains on the bundled text:

    small-llama3          its regular expression, ignore_merges, a template with BOS,
                          added tokens of every sort
    small-llama2          characters, byte fallback, U+2581 by normalizers
    small-mistral         the same words, U+2581 by a Metaspace pre-tokenizer
    small-qwen2           vocab.json, merges.txt and configuration; NFC
    small-sentencepiece   tokenizer.model, with replacements and symbols of its own
    small-wordpiece       a vocabulary written by hand, with BERT's stages, uncased
    small-bert            vocab.txt and configuration: words of another case, accents
    stages.jsonl          small-llama2 with other normalizers and pre-tokenizers
    ends.jsonl            small-wordpiece with other post-processors and a limit of tokens
    bert-characters.json  what BERT's stages take each character for

Needs PyPI's tokenizers and sentencepiece, and is only run by hand when a case is added:

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3
    venv/bin/python tools/dev/golden/tokenizer.py

NAME.jsonl holds one object a line: `text` (or `hex`, bytes that are not UTF-8),
the `ids` with special tokens added, and `decoded`, the text of those ids without
control tokens, if that is not `text`. stages.jsonl has the fields of tokenizer.json
that differ, and `cases`: pairs of a text and its ids, ends.jsonl the post_processor and
cases that begin with the limit. The seed is fixed: running this
again gives the same bytes.
"""

import io
import json
import os
import pathlib
import random

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

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
    "\u2581", " \u2581a\u2581 <0x41>b", "<s>a</s> <unk>", "[SYM]x [SYM] y[CTL]", "\u2460\u2126\ufb03 \u2460\u2460\u2460 \u00c5A\u030a",
    "verily verilyverily", " Xyzzy Xyzzy", "\ue000\U0010ffff\ufffd",
]

# Of each length around the limits.
END_LINES = ["", "the", "the king", "unaffable [CLS] x", "the king and the", "the king and the man and", LINES[11], LINES[12]]

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


def write_cases(tokenizer, name, text, more=()):
    rng = random.Random(2)
    lines = [*LINES, *more, *(random_line(rng, text) for _ in range(60))]
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


# How the texts of small-llama2 become tokens, and back.
LLAMA2_NORMALIZER = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
LLAMA2_DECODER = decoders.Sequence([
    decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0),
])


def save(tokenizer, folder):
    folder.mkdir(exist_ok=True)
    tables = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(tables + "\n", encoding="utf-8")


def make_characters(text):
    """A vocabulary of characters and bytes, without any stage around it."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trained.train_from_iterator([text[:60000]], trainers.BpeTrainer(vocab_size=480, special_tokens=specials))
    model = json.loads(trained.to_str())["model"]
    for space in range(2, 5):  # as Llama 2 has them
        model["vocab"]["▁" * space] = len(model["vocab"])
    merges = [tuple(merge) for merge in model["merges"]] + [("▁", "▁"), ("▁▁", "▁▁"), ("▁▁", "▁")]
    return models.BPE(model["vocab"], merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def make_small_llama2(text):
    tokenizer = Tokenizer(make_characters(text))
    tokenizer.normalizer = LLAMA2_NORMALIZER
    tokenizer.decoder = LLAMA2_DECODER
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    # Normalized special tokens would be right too, but `tokenizers` 0.23 does not leave them out when it decodes.
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in ["<unk>", "<s>", "</s>"]])
    tokenizer.add_tokens([AddedToken("<B>", normalized=True), AddedToken("<L>", lstrip=True, normalized=False), AddedToken("<R>", rstrip=True, normalized=False)])
    save(tokenizer, GOLDEN / "small-llama2")
    return tokenizer


def make_small_mistral(text):
    tokenizer = Tokenizer(make_characters(text))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = LLAMA2_DECODER
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in ["<unk>", "<s>", "</s>", "<B>"]])
    save(tokenizer, GOLDEN / "small-mistral")
    return tokenizer


def make_small_qwen2(text):
    """Writes the files that say it, and makes what they say."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator([text[:60000]], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    folder = GOLDEN / "small-qwen2"
    folder.mkdir(exist_ok=True)
    trained.model.save(str(folder))
    size = trained.get_vocab_size()
    token = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "added_tokens_decoder": {str(size): {"content": "<|endoftext|>", **token}, str(size + 1): {"content": "<|bos|>", **token}},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    added = {"<|endoftext|>": size, "<L>": size + 2}
    (folder / "added_tokens.json").write_text(json.dumps(added) + "\n", encoding="utf-8")
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_PATTERN.replace("{1,3}", "")), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in ["<|endoftext|>", "<|bos|>"]])
    tokenizer.add_tokens([AddedToken("<L>", normalized=False)])
    return tokenizer


WORD_PIECE_LINES = [
    "unaffable", "unaff", "Hearing, heavenly, HEAREST; beginning speakably", "a" * 101, "é" * 100, "\u0301" * 101 + "a", "==", "= ==", "ABC@@",
    "[CLS] the [MASK] said[SEP] [UNK][mask]", "the <mask>  king<mask>.", "##ing ## ing", "I'm not, don't do not say 's n't ? ! . ,",
    "Привет, мир! Ελληνικά 你好世界 界 𠀀 한 ß SS İs", "the\u00adking\u200b said\ufffd\u2028so", "你好É 你好é 你 好É", "Citizeňek Zürich naïve façade The\u0000Citizenček",
]

WORD_PIECES = [
    "the", "hear", "hello", "world", "speak", "proceed", "before", "king", "and", "heaven", "earth", "say", "said",
    "##s", "##ing", "##ed", "##er", "##est", "##ably", "##able", "un", "##aff", "in", "be", "##gin", "##ning", "do",
    "don", "##t", "not", "n't", "nrm", "12", "##3", "##45", "naive", "facade", "zurich", "\u043f\u0440\u0438", "##\u0432\u0435\u0442", "\u043c\u0438\u0440",
    "\u4f60", "\u597d", "\u4e16", "\u754c", "##\u754c", "\U00020000", "\u03b5\u03bb\u03bb", "##\u03b7\u03bd\u03b9\u03ba\u03b1", "##\u1161", "\u1112", "##\u11ab", "ss",
    "\u00df", "##\u0307", "##\u00e9", "##", "##@", "=", "==",
]


def word_pieces(more):
    """A vocabulary of WordPiece, its ids by the place in the list."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *marks, *letters, *(f"##{c}" for c in letters), *WORD_PIECES, *more]
    return list(dict.fromkeys(pieces))


def make_bert(pieces, normalizer, mask):
    """With the stages of BERT; as transformers makes it of a vocab.txt."""
    tokenizer = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(pieces)}, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = [(name, pieces.index(name)) for name in ["[CLS]", "[SEP]"]]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]] + [mask])
    return tokenizer


def make_small_wordpiece(_):
    tokenizer = make_bert(word_pieces([]), normalizers.BertNormalizer(), AddedToken("[MASK]", normalized=False))
    tokenizer.add_tokens([AddedToken("<B>", lstrip=True, rstrip=True, normalized=False), AddedToken("\u4f60\u597d\u00c9", normalized=True)])
    save(tokenizer, GOLDEN / "small-wordpiece")
    return tokenizer


def make_small_bert(_):
    """Writes the files that say it, and makes what they say."""
    pieces = word_pieces(["The", "Citizen", "##\u010dek", "na\u00efve", "fa\u00e7ade", "Z", "##\u00fcrich", "<mask>", "I", "'m", "'s"])
    folder = GOLDEN / "small-bert"
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    config = {
        "tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": None, "tokenize_chinese_chars": False,
        "mask_token": "<mask>", "model_max_length": 512, "added_tokens_decoder": {str(pieces.index("<mask>")): mask},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    normalizer = normalizers.BertNormalizer(handle_chinese_chars=False, lowercase=False)
    return make_bert(pieces, normalizer, AddedToken("<mask>", lstrip=True, normalized=False))


class SmallSentencePiece:
    """Looks like a tokenizer of `tokenizers`; begins with BOS, as Llama does."""

    def __init__(self, text):
        # The model holds the name of this file, which must not depend on the machine.
        os.chdir(GOLDEN)
        rules = pathlib.Path("rules.tsv")
        pairs = [("\u2460", "1"), ("\u2126", "\u03a9"), ("\ufb03", "ffi"), ("\u3000", " "), ("\t", " "), ("\n", " "),
                 ("A\u030a", "\u00c5"), ("\u00ad", "")]
        hexadecimal = [" ".join(f"{ord(c):X}" for c in part) for pair in pairs for part in pair]
        rules.write_text("".join(f"{a}\t{b}\n" for a, b in zip(hexadecimal[::2], hexadecimal[1::2])), encoding="utf-8")
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text[:60000].splitlines()), model_writer=model, model_type="bpe", vocab_size=480,
            byte_fallback=True, character_coverage=1.0, normalization_rule_tsv=str(rules), split_digits=True,
            user_defined_symbols=["[SYM]", "\u2460\u2460"], control_symbols=["[CTL]"], num_threads=1, minloglevel=2)
        rules.unlink()
        folder = GOLDEN / "small-sentencepiece"
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.model").write_bytes(model.getvalue())
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())

    def encode(self, line):
        self.ids = [self.processor.bos_id(), *self.processor.encode(line)]
        return self

    def decode(self, ids, skip_special_tokens):
        return self.processor.decode(ids)


STAGE_LINES = [
    "", " ", "Hello, World!", "  two  spaces ", "\tÉcole naïve Å A\u030a ﬁ ①\r\n", "don't stop-me (now)... $5+3=8 ^_^ `x|y~z`",
    "a1b22 c333 ½ Ⅷ ٣٤", "İstanbul ǅ ΑΣ ẞ", "q\u0307\u0323 \u1e0b\u0323 ᄀ\u1161\u11a8 각", "xx--yy----z-", "▁▁a ▁b", "日本 語、。 é",
    "\u212b\u2126 \uf900 \u0958 \u0344 \u2adc", "a\u200bb \u00a0 c\u3000\u0085",
    "\ufffd\x00\x0bo\x0c\u2028\ue000", "世界a\U0002b820\U00020000", "\u0130\u1e9e\u0903 a\u0301\u20dd",
]


def write_stages(text):
    """Each normalizer and each pre-tokenizer that needs no bytes."""
    plain = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    behaviors = ["isolated", "removed", "contiguous", "merged_with_previous", "merged_with_next"]
    stages = [(normalizer, plain) for normalizer in [
        normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(),
        normalizers.Strip(), normalizers.Strip(left=False), normalizers.Prepend("ab"), normalizers.Replace("o", "0o"),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace(Regex("[aeiou]"), ""),
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        normalizers.Sequence([]), normalizers.BertNormalizer(), normalizers.BertNormalizer(clean_text=False),
        normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=False), normalizers.BertNormalizer(lowercase=False),
        normalizers.BertNormalizer(strip_accents=True, lowercase=False),
    ]]
    stages += [(None, pre_tokenizers.Split(Regex("-|o"), behavior, invert))
               for behavior in behaviors for invert in [False, True]]
    stages += [(None, pre_tokenizer) for pre_tokenizer in [
        pre_tokenizers.Split("-", "removed"), pre_tokenizers.Digits(), pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Punctuation(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Punctuation("removed"),
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.BertPreTokenizer(),
        pre_tokenizers.Metaspace(), pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Metaspace("_"),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(), pre_tokenizers.Digits()]),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]),
    ]]
    tokenizer = Tokenizer(make_characters(text))
    with open(GOLDEN / "stages.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for normalizer, pre_tokenizer in stages:
            tokenizer = Tokenizer(tokenizer.model)
            if normalizer:
                tokenizer.normalizer = normalizer
            tokenizer.pre_tokenizer = pre_tokenizer
            tables = json.loads(tokenizer.to_str())
            case = {key: tables[key] for key in ["normalizer", "pre_tokenizer"]}
            case["cases"] = [[line, tokenizer.encode(line).ids] for line in STAGE_LINES]
            file.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_ends():
    """What post-processors put around a text, and what is left of a long one: small-wordpiece."""
    tables = json.loads((GOLDEN / "small-wordpiece" / "tokenizer.json").read_text(encoding="utf-8"))
    ids = tables["model"]["vocab"]
    end = lambda name: (name, ids[name])
    bert = processors.BertProcessing(end("[SEP]"), end("[CLS]"))
    template = lambda single, *names: processors.TemplateProcessing(single=single, special_tokens=[end(name) for name in names])
    stages = [
        bert, processors.RobertaProcessing(end("[SEP]"), end("[CLS]")), template("$A"), template("[CLS] $A", "[CLS]"),
        template("[CLS] [UNK] $A [SEP] [SEP] [PAD]", "[CLS]", "[UNK]", "[SEP]", "[PAD]"),
        processors.Sequence([processors.ByteLevel(), bert, template("[PAD] $0 [UNK]", "[PAD]", "[UNK]")]),
    ]
    with open(GOLDEN / "ends.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for stage in stages:
            tokenizer = Tokenizer.from_str(json.dumps(tables))
            tokenizer.post_processor = stage
            case = {"post_processor": json.loads(tokenizer.to_str())["post_processor"], "cases": []}
            for length in [0, 6, 7, 12]:  # 0: any
                if length:
                    tokenizer.enable_truncation(length)
                case["cases"] += [[length, line, tokenizer.encode(line).ids] for line in END_LINES]
            file.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_characters():
    """What BERT's stages take each character for: ranges, first and last."""
    def normal(line, stage):
        others = dict.fromkeys(["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"], False)
        return normalizers.BertNormalizer(**{**others, stage: True}).normalize_str(line)

    splits = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    classes = {
        "removed": lambda c: normal(f"a{c}", "clean_text") == "a",
        "spaces": lambda c: normal(f"a{c}", "clean_text") == "a ",
        "ideographs": lambda c: normal(c, "handle_chinese_chars") == f" {c} ",
        "marks": lambda c: normal(f"a{c}", "strip_accents") == "a",
        "punctuation": lambda c: len(splits(f"a{c}a")) == 3,
        "gaps": lambda c: len(splits(f"a{c}a")) == 2,
    }
    result = {name: [] for name in classes}
    for code in [*range(0xD800), *range(0xE000, 0x110000)]:
        for name, holds in classes.items():
            if holds(chr(code)):
                ranges = result[name]
                if ranges and ranges[-1][1] == code - 1:
                    ranges[-1][1] = code
                else:
                    ranges.append([code, code])
    text = ",\n".join(f'"{name}": {json.dumps(ranges, separators=(",", ":"))}' for name, ranges in result.items())
    (GOLDEN / "bert-characters.json").write_text("{" + text + "}\n", encoding="utf-8")


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    text = (EXAMPLE / "valid-slice.txt").read_text(encoding="utf-8")
    write_cases(Tokenizer.from_file(str(EXAMPLE / "tokenizer.json")), "bard-llama", text)
    for make in [make_small_llama3, make_small_llama2, make_small_mistral, make_small_qwen2, make_small_wordpiece, make_small_bert, SmallSentencePiece]:
        tokenizer = make(text)
        name = {SmallSentencePiece: "small-sentencepiece"}.get(make, make.__name__.removeprefix("make_").replace("_", "-"))
        write_cases(tokenizer, name, text, WORD_PIECE_LINES if make in [make_small_wordpiece, make_small_bert] else [])
    write_stages(text)
    write_ends()
    write_characters()


if __name__ == "__main__":
    main()
