// y = x . w + b with w in a weight, and the largest element of each row of x.
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
module attributes {lqc.graph = {name = "affine"}} {
  lqc.weight @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  func.func @main(%x: tensor<?x2xf32> {lqc.name = "x", lqc.dims = ["batch", ""]},
                  %b: tensor<?xf32> {lqc.name = "b=c", lqc.dims = ["batch"]},
                  %n: tensor<i8> {lqc.name = "n", lqc.element = "uint8"})
      -> (tensor<?x2xf32> {lqc.name = "y/0"}, tensor<?xi64> {lqc.name = "most"},
          tensor<i8> {lqc.name = "half", lqc.element = "uint8"}) {
    %zero = arith.constant 0 : index
    %two = arith.constant dense<2> : tensor<i8>
    %limit = arith.constant 200 : i8
    %batch = tensor.dim %x, %zero : tensor<?x2xf32>
    %number = tensor.extract %n[] : tensor<i8>
    %isSmall = arith.cmpi ule, %number, %limit : i8
    cf.assert %isSmall, "node 'half' (Div): n must be at most 200"
    %w = lqc.get_weight @w : tensor<2x2xf32>
    %space = tensor.empty(%batch) : tensor<?x2xf32>
    %wide = linalg.broadcast ins(%b : tensor<?xf32>) outs(%space : tensor<?x2xf32>) dimensions = [1]
    %y = linalg.matmul ins(%x, %w : tensor<?x2xf32>, tensor<2x2xf32>) outs(%wide : tensor<?x2xf32>) -> tensor<?x2xf32>
    %first = arith.constant 0xFF800000 : f32
    %none = arith.constant 0 : i64
    %v0 = tensor.splat %first[%batch] : tensor<?xf32>
    %p0 = tensor.splat %none[%batch] : tensor<?xi64>
    %best:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x2xf32>) outs(%v0, %p0 : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%a: f32, %v: f32, %p: i64):
      %j = linalg.index 1 : index
      %k = arith.index_cast %j : index to i64
      %is = arith.cmpf ogt, %a, %v : f32
      %value = arith.select %is, %a, %v : f32
      %place = arith.select %is, %k, %p : i64
      linalg.yield %value, %place : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    %half = arith.divui %n, %two : tensor<i8>
    return %y, %best#1, %half : tensor<?x2xf32>, tensor<?xi64>, tensor<i8>
  }
}
