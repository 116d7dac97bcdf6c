"""Exports models to ONNX as PyTorch's two exporters do it, for tests and comparisons.

Needs PyPI's torch, transformers, onnx and onnxscript, and is only run by hand:

    python3 -m venv venv && venv/bin/pip install torch transformers onnx onnxscript
    venv/bin/python tools/dev/golden/onnx_models.py                  # test/golden/onnx
    venv/bin/python tools/dev/golden/onnx_models.py --text           # test/golden/onnx/encoder
    venv/bin/python tools/dev/golden/onnx_models.py --encoder DIR -o encoder.onnx

Without arguments it writes test/golden/onnx: the decoder of test/golden/tiny-biases with
past keys and values, by both exporters, and a tiny random encoder of the BERT kind with one
batch of inputs and its outputs; in onnx/encoder what lies beside such an encoder (a
tokenizer, configuration, the files of sentence-transformers), lines of text and their
embeddings. --text writes that folder alone. With --encoder DIR it exports a checkpoint of that kind.
What an exporter says of itself (source lines, names of Python objects) is left out.
"""

import argparse
import json
import pathlib

import numpy
import onnx
import tokenizers
import torch
import transformers
from transformers.cache_utils import DynamicCache

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "test" / "golden"
OPSET = {"torchscript": 17, "dynamo": 20}


class Decoder(torch.nn.Module):
    """Takes and returns keys and values as tensors, in the order of the layers."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = DynamicCache(config=self.model.config)
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        result = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        present = [t for kv in result.past_key_values.layers for t in (kv.keys, kv.values)]
        return (result.logits, *present)


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        result = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        )
        return result.last_hidden_state


def strip(path):
    """Removes what only debuggers read."""
    model = onnx.load(path)
    graphs = [model.graph, *model.functions]
    for item in [model, model.graph, *(node for graph in graphs for node in graph.node)]:
        item.doc_string = ""
        if hasattr(item, "metadata_props"):
            del item.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        del value.metadata_props[:]
    onnx.save(model, path)


def export(module, arguments, path, exporter, inputs, outputs, axes):
    """`axes`: {input: {axis: name}}; of outputs they are found."""
    module.eval()  # exporters restore the mode of the outermost module
    named = dict(zip(inputs, arguments))
    common = dict(input_names=inputs, output_names=outputs, opset_version=OPSET[exporter])
    if exporter == "dynamo":
        shapes = [axes[name] for name in named]
        fixed = len(inputs) - sum(name.startswith("past") for name in inputs)
        shapes = (*shapes[:fixed], *([tuple(shapes[fixed:])] if shapes[fixed:] else []))
        torch.onnx.export(
            module, arguments, path, dynamo=True, external_data=False,
            dynamic_shapes=shapes, **common
        )  # fmt: skip
    else:
        torch.onnx.export(module, arguments, path, dynamo=False, dynamic_axes=axes, **common)
    strip(path)


def export_decoder(model, path, exporter):
    config = model.config
    heads, size = config.num_key_value_heads, config.head_dim
    layers = range(config.num_hidden_layers)
    past = [f"past_key_values.{i}.{kind}" for i in layers for kind in ("key", "value")]
    present = [f"present.{i}.{kind}" for i in layers for kind in ("key", "value")]
    axes = {
        "input_ids": {0: "batch", 1: "sequence"},
        "attention_mask": {0: "batch", 1: "total"},
        "position_ids": {0: "batch", 1: "sequence"},
        **{name: {0: "batch", 2: "past"} for name in past},
    }
    batch, sequence, before = 2, 3, 5
    arguments = (
        torch.randint(0, config.vocab_size, (batch, sequence)),
        torch.ones(batch, before + sequence, dtype=torch.int64),
        torch.arange(before, before + sequence).expand(batch, sequence).contiguous(),
        *(torch.randn(batch, heads, before, size) for _ in past),
    )
    export(Decoder(model), arguments, path, exporter, [*axes], ["logits", *present], axes)


def encoder_inputs(config, batch, sequence):
    """The second row is shorter, and padded."""
    ids = torch.randint(1, config.vocab_size, (batch, sequence))
    mask = torch.ones(batch, sequence, dtype=torch.int64)
    mask[1, sequence - 2 :] = 0
    return ids, mask, torch.zeros_like(ids)


def export_encoder(model, path, exporter):
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "sequence"} for name in names}
    arguments = encoder_inputs(model.config, 2, 7)
    export(
        Encoder(model), arguments, path, exporter, names, ["last_hidden_state"], axes
    )


def tiny_encoder():
    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=48, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=96, max_position_embeddings=40,
    )  # fmt: skip
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():  # gains and biases are 1 and 0 at first
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.3, 0.4)
    return model


def tiny_tokenizer():
    """Letters and a few words: the 60 tokens of the tiny encoder."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + c for c in letters)]
    words += ["the", "and", "##ing", "."]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    tokenizer.add_special_tokens(words[:4])
    return tokenizer


# Cases, accents, what is unknown, nothing at all, and more than fits.
SENTENCES = [
    "The king and the sea.", "singing", "", "A much longer sentence and the rest of it.",
    "\u00c9t\u00e9 is summer, \u4e2d\u6587 is not", "  spaces \t around  ", "[CLS] in a text", "42", "the",
]  # fmt: skip
LONGEST = 24


def embed(model, tokenizer, text, pooling):
    """As sentence-transformers does it: a row of one text."""
    ids = torch.tensor([tokenizer.encode(text).ids])
    with torch.no_grad():
        rows = Encoder(model).eval()(ids, torch.ones_like(ids), torch.zeros_like(ids))[0]
    if pooling == "cls":
        return rows[0].numpy()
    return torch.nn.functional.normalize(rows.mean(0), dim=0).numpy()


def write_text(model):
    folder = GOLDEN / "onnx" / "encoder"
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    tables = json.dumps(json.loads(tokenizer.to_str()), separators=(",", ":"))
    (folder / "tokenizer.json").write_text(tables + "\n")
    prefix = "sentence_transformers.models."
    files = {
        "config.json": {
            "model_type": "bert", "vocab_size": model.config.vocab_size,
            "max_position_embeddings": model.config.max_position_embeddings, "pad_token_id": 0,
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": prefix + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": prefix + "Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": prefix + "Normalize"},
        ],
        "sentence_bert_config.json": {"max_seq_length": LONGEST, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.config.hidden_size,
            "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False,
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")
    (folder / "sentences.txt").write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    tokenizer.enable_truncation(LONGEST)
    for pooling in ("mean", "cls"):
        rows = [embed(model, tokenizer, text, pooling) for text in SENTENCES]
        numpy.save(folder / f"{pooling}.npy", numpy.stack(rows))


def write_golden():
    folder = GOLDEN / "onnx"
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    decoder = transformers.LlamaForCausalLM.from_pretrained(
        GOLDEN / "tiny-biases", dtype=torch.float32
    ).eval()
    encoder = tiny_encoder()
    for exporter in OPSET:
        export_decoder(decoder, folder / f"decoder-{exporter}.onnx", exporter)
        export_encoder(encoder, folder / f"encoder-{exporter}.onnx", exporter)
    inputs = encoder_inputs(encoder.config, 2, 9)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    with torch.no_grad():
        output = Encoder(encoder).eval()(*inputs)
    for name, value in [*zip(names, inputs), ("last_hidden_state", output)]:
        numpy.save(folder / f"{name}.npy", value.numpy())
    write_text(encoder)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", action="store_true", help="only test/golden/onnx/encoder")
    parser.add_argument("--encoder", help="a checkpoint of the BERT kind")
    parser.add_argument("--exporter", choices=OPSET, default="dynamo")
    parser.add_argument("-o", "--output")
    options = parser.parse_args()
    if options.text:
        return write_text(tiny_encoder())
    if not options.encoder:
        return write_golden()
    model = transformers.AutoModel.from_pretrained(options.encoder, dtype=torch.float32)
    return export_encoder(model.eval(), options.output, options.exporter)


if __name__ == "__main__":
    main()
