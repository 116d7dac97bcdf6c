// Affine rows, a softmax, a padded concatenation, sums along both dimensions, a
// loop and a branch.
module attributes {lqc.graph = {name = "small graph", producer = "hand"}} {
  lqc.weight @offsets : tensor<4xf32> = dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>
  func.func @main(%x: tensor<?x4xf32> {lqc.name = "x", lqc.dims = ["rows", ""]},
                  %z: tensor<?x4xf32> {lqc.name = "z", lqc.dims = ["rows", ""]},
                  %times: tensor<i64> {lqc.name = "times"},
                  %flag: tensor<i1> {lqc.name = "flag"})
      -> (tensor<?x4xf32> {lqc.name = "sum", lqc.dims = ["rows", ""]},
          tensor<?x4xf32> {lqc.name = "soft/max", lqc.dims = ["rows", ""]},
          tensor<?x6xf32> {lqc.name = "padded"},
          tensor<4xf32> {lqc.name = "columns"},
          tensor<?x4xf32> {lqc.name = "doubled"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %empty = tensor.empty(%n) : tensor<?x4xf32>
    %w = lqc.get_weight @offsets : tensor<4xf32>
    %rows = linalg.broadcast ins(%w : tensor<4xf32>) outs(%empty : tensor<?x4xf32>) dimensions = [0]
    %xz = arith.addf %x, %z : tensor<?x4xf32>
    %sum = arith.addf %xz, %rows : tensor<?x4xf32>
    %soft = linalg.softmax dimension(1) ins(%x : tensor<?x4xf32>) outs(%empty : tensor<?x4xf32>) -> tensor<?x4xf32>
    %padded = tensor.pad %x low[0, 1] high[1, 1] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
    } : tensor<?x4xf32> to tensor<?x6xf32>
    %empty4 = tensor.empty() : tensor<4xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%empty4 : tensor<4xf32>) -> tensor<4xf32>
    %columns = linalg.reduce { arith.addf } ins(%x : tensor<?x4xf32>) outs(%zeros : tensor<4xf32>) dimensions = [0]
    %t = tensor.extract %times[] : tensor<i64>
    %c8 = arith.constant 8 : i64
    %few = arith.cmpi sle, %t, %c8 : i64
    cf.assert %few, "node 'loop' (Loop): times must be at most 8"
    %limit = arith.index_cast %t : i64 to index
    %f = tensor.extract %flag[] : tensor<i1>
    %start = scf.if %f -> tensor<?x4xf32> {
      scf.yield %z : tensor<?x4xf32>
    } else {
      scf.yield %x : tensor<?x4xf32>
    }
    %doubled = scf.for %i = %c0 to %limit step %c1 iter_args(%a = %start) -> tensor<?x4xf32> {
      %twice = arith.addf %a, %a : tensor<?x4xf32>
      scf.yield %twice : tensor<?x4xf32>
    }
    return %sum, %soft, %padded, %columns, %doubled
        : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x6xf32>, tensor<4xf32>, tensor<?x4xf32>
  }
}
