// y = relu((x + a) W^T) V^T
module attributes {lqc.graph = {name = "two linears", producer = "hand"}} {
  lqc.weight @w : tensor<2x4xf32> = dense<[[1.0, 0.0, 0.0, -1.0], [0.0, 2.0, 1.0, 0.0]]> : tensor<2x4xf32>
  lqc.weight @v : tensor<3x2xf32> = dense<[[1.0, 2.0], [-3.0, 4.0], [5.0, -6.0]]> : tensor<3x2xf32>
  func.func @main(%x: tensor<?x4xf32> {lqc.name = "x", lqc.dims = ["rows", ""]},
                  %a: tensor<?x4xf32> {lqc.name = "a/b", lqc.dims = ["rows", ""]})
      -> (tensor<?x3xf32> {lqc.name = "y", lqc.dims = ["rows", ""]}) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %w = lqc.get_weight @w : tensor<2x4xf32>
    %v = lqc.get_weight @v : tensor<3x2xf32>
    %sum = arith.addf %x, %a : tensor<?x4xf32>
    %h = lqc.linear %sum, %w : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %zeros = tensor.splat %zero[%n] : tensor<?x2xf32>
    %positive = arith.maximumf %h, %zeros : tensor<?x2xf32>
    %y = lqc.linear %positive, %v : (tensor<?x2xf32>, tensor<3x2xf32>) -> tensor<?x3xf32>
    return %y : tensor<?x3xf32>
  }
}
