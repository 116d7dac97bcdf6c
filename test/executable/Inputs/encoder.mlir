// An encoder whose numbers are easy to know: the row of a token is its id and its
// position, and a text's row is 7, 7.
#ids = affine_map<(b, s, w) -> (b, s)>
#rows = affine_map<(b, s, w) -> (b, s, w)>
module attributes {
  lqc.graph = {name = "ids and positions"},
  lqc.model = #lqc.model<"onnx", vocabulary = 0, context = 0, bos = -1, eos = [], tokenizer = ".">,
  lqc.encoder = {ids = 1, mask = -1, positions = 0, tokens = 0, text = 1, pooling = "mean", normalize = false, max_length = 0, longest = 0, pad = 0}
} {
  func.func @main(%positions: tensor<?x?xi64> {lqc.name = "position_ids", lqc.dims = ["b", "s"]},
                  %ids: tensor<?x?xi32> {lqc.name = "input_ids", lqc.dims = ["b", "s"]})
      -> (tensor<?x?x2xf32> {lqc.name = "token_embeddings"}, tensor<?x2xf32> {lqc.name = "pooler_output"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %seven = arith.constant 7.0 : f32
    %b = tensor.dim %ids, %c0 : tensor<?x?xi32>
    %s = tensor.dim %ids, %c1 : tensor<?x?xi32>
    %empty = tensor.empty(%b, %s) : tensor<?x?x2xf32>
    %rows = linalg.generic {indexing_maps = [#ids, #ids, #rows], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%ids, %positions : tensor<?x?xi32>, tensor<?x?xi64>) outs(%empty : tensor<?x?x2xf32>) {
    ^bb0(%id: i32, %position: i64, %out: f32):
      %column = linalg.index 2 : index
      %isId = arith.cmpi eq, %column, %c0 : index
      %a = arith.sitofp %id : i32 to f32
      %p = arith.sitofp %position : i64 to f32
      %number = arith.select %isId, %a, %p : f32
      linalg.yield %number : f32
    } -> tensor<?x?x2xf32>
    %text = tensor.empty(%b) : tensor<?x2xf32>
    %sevens = linalg.fill ins(%seven : f32) outs(%text : tensor<?x2xf32>) -> tensor<?x2xf32>
    return %rows, %sevens : tensor<?x?x2xf32>, tensor<?x2xf32>
  }
}
