// Two texts of six tokens at once. Where the mask is 0, rows are no numbers.
#ids = affine_map<(b, s, w) -> (b, s)>
#rows = affine_map<(b, s, w) -> (b, s, w)>
module attributes {
  lqc.graph = {name = "fixed"},
  lqc.model = #lqc.model<"onnx", vocabulary = 60, context = 0, bos = -1, eos = [], tokenizer = ".">,
  lqc.encoder = {ids = 0, mask = 1, positions = -1, tokens = 0, text = -1, pooling = "mean", normalize = true, max_length = 0, longest = 0, pad = 0}
} {
  func.func @main(%ids: tensor<2x6xi64> {lqc.name = "input_ids"}, %mask: tensor<2x6xi64> {lqc.name = "attention_mask"})
      -> (tensor<2x6x2xf64> {lqc.name = "last_hidden_state"}) {
    %zero = arith.constant 0.0 : f64
    %empty = tensor.empty() : tensor<2x6x2xf64>
    %rows = linalg.generic {indexing_maps = [#ids, #ids, #rows], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%ids, %mask : tensor<2x6xi64>, tensor<2x6xi64>) outs(%empty : tensor<2x6x2xf64>) {
    ^bb0(%id: i64, %kept: i64, %out: f64):
      %a = arith.sitofp %id : i64 to f64
      %m = arith.sitofp %kept : i64 to f64
      %number = arith.divf %a, %m : f64
      linalg.yield %number : f64
    } -> tensor<2x6x2xf64>
    return %rows : tensor<2x6x2xf64>
  }
}
