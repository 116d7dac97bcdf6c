"""Writes test/golden/: what `transformers` computes in float32 for the bundled
model, for stories260K, and for tiny random Llamas that this script also makes.

Needs PyPI's torch, transformers, safetensors, tokenizers and sentencepiece, and
is only run by hand when a case is added:

    python3 -m venv venv && venv/bin/pip install torch transformers sentencepiece
    venv/bin/python tools/dev/golden/logits.py [CASE ...] [--stories DIR]

test/golden/README.md describes the files. Tiny checkpoints are made from a seed,
so that running this again gives the same bytes.
"""

import argparse
import json
import pathlib
import shutil

import tokenizers
import torch
import transformers
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "test" / "golden"
GREEDY_TOKENS = 64
# Greedy continuations are only comparable where no two candidates are near-ties:
# the margin between the best two logits, relative to the largest magnitude.
LEAST_MARGIN = 1e-4

BARD_PROMPTS = [
    "First Citizen:\n",
    "ROMEO:\n",
    "In the beginning",
    "And it came to pass",
    "The king",
    "O my lord, what",
    "JULIET:\nGood night",
    "Now therefore hear the word",
    "KING RICHARD III:\n",
    "And the LORD said unto Moses,",
    "To be, or not to be",
    "Blessed are they",
    "What is thy name?",
    "DUKE VINCENTIO:\nMy friend",
    "Thou shalt not",
    "The sons of",
]
STORIES_PROMPTS = [
    "Once upon a time",
    "One day, a little girl",
    "Lily and Tom",
    "The dog was",
    "Tim saw a big",
    "Mom said",
    "The sun was hot and",
    "There was a cat",
    "He ran to the",
    "Sara likes to",
    "The bird can",
    "A boy named",
    "It was a",
    "She gave her friend",
]

TINY = {
    # Head dimension apart from hidden / heads, grouped queries, every bias.
    "tiny-biases": dict(
        dtype=torch.float32,
        config=dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=False,
        ),
    ),
    # As Llama 1 was published: no num_key_value_heads; positions squeezed by 2.
    "tiny-linear-rope": dict(
        dtype=torch.float16,
        config=dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            rope_scaling={"type": "linear", "factor": 2.0},
            tie_word_embeddings=True,
        ),
    ),
    # As Llama 3.1: its scaling, one key/value head, files cut into shards. The
    # original context is small so that low, middle and high frequencies occur.
    "tiny-llama3-rope": dict(
        dtype=torch.bfloat16,
        shards=3,
        config=dict(
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=1,
            rope_theta=500.0,
            rope_scaling={
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
            tie_word_embeddings=False,
        ),
    ),
    # No dimension is a multiple of a vector.
    "tiny-odd-sizes": dict(
        dtype=torch.float32,
        config=dict(
            vocab_size=61,
            hidden_size=36,
            intermediate_size=27,
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=3,
            head_dim=10,
            rms_norm_eps=1e-6,
            tie_word_embeddings=False,
        ),
    ),
    # config.json as transformers 5 writes it: rope_parameters, dtype.
    "tiny-transformers5": dict(
        dtype=torch.bfloat16,
        saved_by_library=True,
        config=dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            rope_theta=500.0,
            rope_scaling={"rope_type": "linear", "factor": 4.0},
            tie_word_embeddings=True,
        ),
    ),
}
TINY_DEFAULTS = dict(
    architectures=["LlamaForCausalLM"],
    model_type="llama",
    vocab_size=64,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    hidden_act="silu",
    bos_token_id=0,
    eos_token_id=1,
)


def load(folder):
    model = transformers.LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


@torch.no_grad()
def logits_of(model, tokens):
    return model(torch.tensor([tokens]), use_cache=False).logits[0]


def greedy(model, tokens):
    """GREEDY_TOKENS most likely next tokens, or None if a near-tie or the model's
    beginning- or end-of-text token comes up."""
    sequence = list(tokens)
    special = {model.config.bos_token_id, model.config.eos_token_id}
    for _ in range(GREEDY_TOKENS):
        row = logits_of(model, sequence)[-1]
        best = torch.topk(row, 2)
        if (best.values[0] - best.values[1]) / row.abs().max() < LEAST_MARGIN:
            return None
        if best.indices[0].item() in special:
            return None
        sequence.append(best.indices[0].item())
    return sequence[len(tokens) :]


def write_golden(folder, model, tokens, rows, /, **extra):
    folder.mkdir(parents=True, exist_ok=True)
    logits = logits_of(model, tokens)[rows].contiguous()
    (folder / "logits.f32").write_bytes(logits.numpy().tobytes())
    record = {
        "tokens": tokens,
        "logits_file": "logits.f32",
        "rows": rows,
        "vocab": logits.shape[1],
        **extra,
    }
    text = json.dumps(record, indent=None, separators=(",", ":"))
    # One key a line: short, and a change is visible in a diff.
    for key in record:
        text = text.replace(f'"{key}":', f'\n "{key}": ', 1)
    (folder / "golden.json").write_text(text[:-1] + "\n}\n")


def continuations(model, encode, prompts):
    """The first ten prompts that have a clear continuation."""
    found = []
    for prompt in prompts:
        tokens = encode(prompt)
        continuation = greedy(model, tokens)
        if continuation is None:
            print(f"  {prompt!r}: near-tie or end of text, left out")
            continue
        found.append(dict(prompt=prompt, tokens=tokens, continuation=continuation))
        if len(found) == 10:
            return found
    raise SystemExit(f"only {len(found)} prompts have a clear continuation")


@torch.no_grad()
def perplexity(model, tokens, window=256):
    """Window i feeds [i*W, i*W + W) and predicts one further each; the last,
    partial window counts too."""
    total = count = 0
    for start in range(0, len(tokens) - 1, window):
        chunk = tokens[start : start + window + 1]
        targets = torch.tensor(chunk[1:])
        scores = logits_of(model, chunk[:-1]).double().log_softmax(-1)
        total -= scores.gather(1, targets[:, None]).sum().item()
        count += len(targets)
    return torch.tensor(total / count).exp().item()


def round_to_nearest(weight, bits, symmetric, group=64):
    """docs/architecture.md's intB-gG (symmetric) and uintB-gG, dequantized."""
    tiny = torch.tensor(2.0**-24)
    x = weight.reshape(-1, group)
    if symmetric:
        extreme = x.gather(1, x.abs().argmax(1, keepdim=True))
        scale = (extreme / -(2 ** (bits - 1))).half().float()
        scale = torch.where(scale == 0, tiny, scale)
        codes = (x / scale).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return (codes * scale).reshape(weight.shape)
    low = x.amin(1, keepdim=True).clamp(max=0)
    high = x.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half().float()
    scale = torch.where(scale == 0, tiny, scale)
    zero = (-low / scale).round().clamp(0, 2**bits - 1)
    codes = ((x / scale).round() + zero).clamp(0, 2**bits - 1)
    return ((codes - zero) * scale).reshape(weight.shape)


@torch.no_grad()
def perplexities(folder, tokens):
    model = load(folder)
    result = {"float": perplexity(model, tokens)}
    stored = {n: p.clone() for n, p in model.named_parameters() if "_proj" in n}
    for symmetric in [True, False]:
        for bits in range(2, 9):
            for name, parameter in model.named_parameters():
                if name in stored:
                    rounded = round_to_nearest(stored[name], bits, symmetric)
                    parameter.copy_(rounded)
            scheme = f"{'int' if symmetric else 'uint'}{bits}-g64"
            result[scheme] = perplexity(model, tokens)
    return {scheme: round(value, 5) for scheme, value in result.items()}


def make_bard():
    folder = ROOT / "examples" / "bard-llama"
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    # Bytes, not a universal-newline text: the file is tokenized as it is.
    text = (folder / "valid-slice.txt").read_bytes().decode()
    tokens = encode(text)
    model = load(folder)
    write_golden(
        GOLDEN / "bard-llama",
        model,
        tokens[:300],
        [0, 1, 15, 16, 63, 200, 299],
        model="examples/bard-llama",
        perplexity_file="examples/bard-llama/valid-slice.txt",
        perplexity_tokens=len(tokens),
        perplexity=perplexities(folder, tokens),
        greedy=continuations(model, encode, BARD_PROMPTS),
    )


def make_stories(folder):
    import sentencepiece

    spm = sentencepiece.SentencePieceProcessor(str(folder / "tokenizer.model"))
    encode = lambda text: [spm.bos_id()] + spm.encode(text)
    model = load(folder)
    stories = continuations(model, encode, STORIES_PROMPTS)
    tokens = stories[0]["tokens"] + stories[0]["continuation"]
    write_golden(
        GOLDEN / "stories260K",
        model,
        tokens,
        [0, 1, 7, 31, len(tokens) - 1],
        model="../shared/models/stories260K",
        greedy=stories,
    )


def random_weights(config, seed):
    generator = torch.Generator().manual_seed(seed)
    model = transformers.LlamaForCausalLM(config)
    state = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        is_norm = "norm" in name
        state[name] = (1 + 0.2 * noise) if is_norm else 0.25 * noise
    return state


def write_checkpoint(folder, description, state):
    config = {**TINY_DEFAULTS, **description["config"]}
    config["torch_dtype"] = str(description["dtype"]).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shards = description.get("shards", 1)
    if shards == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(state)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: state[name] for name in names[shard::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= {name: file for name in part}
    size = sum(t.numel() * t.element_size() for t in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def make_tiny(name, description):
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = {**TINY_DEFAULTS, **description["config"]}
    config = transformers.LlamaConfig(**settings)
    state = random_weights(config, seed=sorted(TINY).index(name))
    state = {n: t.to(description["dtype"]).contiguous() for n, t in state.items()}
    if description.get("saved_by_library"):
        model = transformers.LlamaForCausalLM(config).to(description["dtype"])
        model.load_state_dict(state, strict=False)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
    else:
        write_checkpoint(folder, description, state)
    generator = torch.Generator().manual_seed(99)
    count = 40
    tokens = torch.randint(2, config.vocab_size, (count,), generator=generator)
    model = load(folder)
    write_golden(folder, model, tokens.tolist(), [0, 1, 7, 20, 39])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    cases = ["bard-llama", "stories260K", *TINY]
    parser.add_argument("cases", nargs="*", default=cases, metavar="CASE")
    parser.add_argument(
        "--stories",
        type=pathlib.Path,
        default=ROOT.parent / "shared" / "models" / "stories260K",
        help="folder of the stories260K checkpoint",
    )
    args = parser.parse_args()
    torch.manual_seed(0)
    for case in args.cases:
        print(case, flush=True)
        if case == "bard-llama":
            make_bard()
        elif case == "stories260K":
            make_stories(args.stories)
        else:
            make_tiny(case, TINY[case])


if __name__ == "__main__":
    main()
