// y = relu(x W^T) V^T, two rows at a time
module attributes {lqc.graph = {name = "fixed rows", producer = "hand"}} {
  lqc.weight @w : tensor<2x4xf32> = dense<[[1.0, 0.0, 0.0, -1.0], [0.0, 2.0, 1.0, 0.0]]> : tensor<2x4xf32>
  lqc.weight @v : tensor<3x2xf32> = dense<[[1.0, 2.0], [-3.0, 4.0], [5.0, -6.0]]> : tensor<3x2xf32>
  func.func @main(%x: tensor<2x4xf32> {lqc.name = "x", lqc.dims = ["", ""]})
      -> (tensor<2x3xf32> {lqc.name = "y", lqc.dims = ["", ""]}) {
    %zero = arith.constant 0.0 : f32
    %w = lqc.get_weight @w : tensor<2x4xf32>
    %v = lqc.get_weight @v : tensor<3x2xf32>
    %h = lqc.linear %x, %w : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x2xf32>
    %zeros = tensor.splat %zero : tensor<2x2xf32>
    %positive = arith.maximumf %h, %zeros : tensor<2x2xf32>
    %y = lqc.linear %positive, %v : (tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<2x3xf32>
    return %y : tensor<2x3xf32>
  }
}
